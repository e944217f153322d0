// SPDX-License-Identifier: Apache-2.0
#include "processor/config/collector_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace splitprof {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kGate = "service.profilesSupport";

struct Given {
  std::vector<std::string> documents;
  std::map<std::string, std::string> environment;
  std::vector<std::string> settings;
  std::vector<std::string> gates{kGate};
};

ConfigSources sources(const Given& given) {
  ConfigSources out;
  for (const auto& document : given.documents)
    out.documents.push_back(document.starts_with("example:")
                                ? SPLITPROF_SOURCE_DIR "/docs/examples/" + document.substr(8)
                                : "yaml:" + document);
  out.settings = given.settings;
  out.feature_gates = given.gates;
  out.environment = [environment = given.environment](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  return out;
}
Result<CollectorConfig> read(const Given& given) {
  return read_collector_config(sources(given));
}
CollectorConfig config(const Given& given) {
  auto result = read(given);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : CollectorConfig{};
}
std::string error(const Given& given) {
  const auto result = read(given);
  return result ? "accepted" : result.error().message;
}

constexpr const char* kExporter = "exporters: {elasticsearch: {endpoint: https://es.example.com:9200/}}";

TEST(CollectorConfig, TakesTheFourDocumentsOfTheEdotCollector) {
  for (const std::string name : {"profiles-9.2", "profiles-9.3", "metrics-9.2", "metrics-9.3"}) {
    SCOPED_TRACE(name);
    const auto got = config({{"example:edot-" + name + ".yml", kExporter}});
    ASSERT_EQ(got.receivers.size(), 1u);
    const auto& receiver = std::get<ProfilingReceiverOptions>(got.receivers[0]);
    EXPECT_EQ(receiver.samples_per_second, name.ends_with("9.2") ? 19u : 20u);
    EXPECT_EQ(receiver.reporter_interval_ns, 5'000'000'000u);
    ASSERT_EQ(got.exporters.size(), 1u);
    const auto& exporter = std::get<ElasticsearchOptions>(got.exporters[0]);
    EXPECT_EQ(exporter.name, "elasticsearch");
    EXPECT_THAT(exporter.endpoints, ElementsAre("https://es.example.com:9200"));
    if (name.starts_with("profiles")) {
      ASSERT_EQ(got.pipelines.size(), 1u);
      EXPECT_TRUE(got.connectors.empty());
      EXPECT_THAT(got.pipelines[0].receivers, ElementsAre("profiling"));
      EXPECT_THAT(got.pipelines[0].exporters, ElementsAre("elasticsearch"));
      continue;
    }
    ASSERT_EQ(got.pipelines.size(), 2u);
    EXPECT_EQ(got.pipelines[0].signal, PipelineOptions::Signal::profiles);
    EXPECT_EQ(got.pipelines[1].signal, PipelineOptions::Signal::metrics);
    EXPECT_THAT(got.pipelines[0].exporters, ElementsAre("profilingmetrics"));
    EXPECT_THAT(got.pipelines[1].receivers, ElementsAre("profilingmetrics"));
    ASSERT_EQ(got.connectors.size(), 1u);
    EXPECT_EQ(got.connectors[0].flush_interval_ns, 30'000'000'000);
    EXPECT_EQ(got.connectors[0].enabled[ProfilingMetricsOptions::frame_type], name.ends_with("9.2"));
    EXPECT_EQ(got.connectors[0].enabled[ProfilingMetricsOptions::classification], name.ends_with("9.2"));
    EXPECT_TRUE(got.connectors[0].enabled[ProfilingMetricsOptions::kernel]);
  }
}

TEST(CollectorConfig, AnExporterThatNoFileDefinesNeedsTheEnvironment) {
  EXPECT_THAT(error({{"example:edot-profiles-9.3.yml"}}),
              HasSubstr("references exporter \"elasticsearch\" which is not configured"));
  const auto got =
      config({{"example:edot-profiles-9.3.yml"}, {{"ELASTICSEARCH_URL", "http://a:9200 , https://u:p%40w@b/prefix/"}}});
  const auto& exporter = std::get<ElasticsearchOptions>(got.exporters.at(0));
  EXPECT_THAT(exporter.endpoints, ElementsAre("http://a:9200", "https://b/prefix"));
  EXPECT_EQ(exporter.http.user, "");  // only the first URL's counts
}

}  // namespace
}  // namespace splitprof
