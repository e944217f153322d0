// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/golden.h"
#include "tests/processor/config/given.h"

namespace splitprof {
namespace {

using test::config;
using test::error;
using test::Given;
using test::sources;
using testing::ElementsAre;
using testing::HasSubstr;

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

TEST(CollectorConfig, SettingsComeLast) {
  const std::string document =
      "{receivers: {profiling: {samples_per_second: 50}}, exporters: {debug: }, service: "
      "{pipelines: {profiles: {receivers: [profiling], exporters: [debug]}}}}";
  const auto rate = [&](const Given& given) {
    return std::get<ProfilingReceiverOptions>(config(given).receivers.at(0)).samples_per_second;
  };
  EXPECT_EQ(rate({{document}}), 50u);
  EXPECT_EQ(rate({{document, "receivers::profiling::samples_per_second: 60"}}), 60u);
  EXPECT_EQ(rate({{document, "receivers::profiling::samples_per_second: 60"},
                  {},
                  {"receivers.profiling.samples_per_second=97"}}),
            97u);
  EXPECT_EQ(rate({{document}, {{"RATE", "70"}}, {"receivers.profiling = {samples_per_second: \"${env:RATE}\"}"}}), 70u);
  EXPECT_EQ(error({{document}, {}, {"receivers.profiling"}}),
            "--set : has to be KEY.KEY=VALUE, as in exporters.elasticsearch.timeout=30s");
  EXPECT_THAT(error({{document}, {}, {"receivers.profiling.rate=1"}}),
              HasSubstr("--set receivers.profiling.rate: receivers.profiling: unknown key \"rate\""));
}

TEST(CollectorConfig, ProfilesNeedTheGateFromOneSideOrTheOther) {
  const std::string pipelines = "pipelines: {profiles: {receivers: [profiling], exporters: [debug]}}}}";
  const std::string closed = "{receivers: {profiling: }, exporters: {debug: }, service: {" + pipelines;
  const std::string open =
      "{receivers: {profiling: }, exporters: {debug: }, service: {feature_gates: [service.profilesSupport], " +
      pipelines;
  EXPECT_THAT(error({{closed}, {}, {}, {}}), HasSubstr("--feature-gates=service.profilesSupport"));
  for (const char* gate : {"service.profilesSupport", "+service.profilesSupport", "-a.b,+service.profilesSupport"})
    EXPECT_EQ(error({{closed}, {}, {}, {gate}}), "accepted") << gate;
  EXPECT_EQ(error({{open}, {}, {}, {}}), "accepted");
  EXPECT_NE(error({{open}, {}, {}, {"-service.profilesSupport"}}), "accepted") << "the command line wins";
}

TEST(CollectorConfig, AllErrorsOfAllDocumentsAreSaidAtOnce) {
  const auto message =
      error({{"receivers: {profiling: {rate: 1}}\nexporters: {debug: {loud: 1}}", "service: [", "a: 1"}});
  EXPECT_THAT(message, HasSubstr(":1:25: receivers.profiling: unknown key \"rate\""));
  EXPECT_THAT(message, HasSubstr(":2:21: exporters.debug: unknown key \"loud\""));
  EXPECT_THAT(message, HasSubstr("no valid YAML"));
  EXPECT_THAT(message, HasSubstr("unknown key \"a\""));
  EXPECT_THAT(message, testing::Not(HasSubstr("service is missing"))) << "it may be in what could not be read";
}

TEST(CollectorConfig, WhatHasNoEffectIsNoted) {
  const auto got =
      config({{"receivers: {profiling: {frame_cache_size: 2048}}\nprocessors: {batch: {timeout: 1s}}\n"
               "exporters: {debug: , file/unused: {path: /x}}\n"
               "service: {pipelines: {profiles: {receivers: [profiling], processors: [batch], exporters: "
               "[debug]}}}"}});
  EXPECT_EQ(got.exporters.size(), 1u);
  EXPECT_THAT(got.notes, ElementsAre(HasSubstr("frame_cache_size has no effect"),
                                     HasSubstr("exporter file/unused is not used by any pipeline"),
                                     HasSubstr("processor batch has no effect")));
}

TEST(CollectorConfig, SeveralPipelinesAndFanOutKeepTheirNames) {
  const auto got = config({{"example:complete.yml"}, {{"ELASTICSEARCH_API_KEY", "k"}}});
  ASSERT_EQ(got.pipelines.size(), 3u);
  EXPECT_EQ(got.pipelines[1].name, "profiles/replayed");
  EXPECT_THAT(got.pipelines[0].exporters, ElementsAre("elasticsearch", "elasticsearch/eu", "profilingmetrics", "file"));
  EXPECT_EQ(got.exporters.size(), 5u);
}

TEST(CollectorConfig, PrintsTheMergedDocumentWithoutSecrets) {
  const auto printed = print_collector_config(
      sources({{"example:edot-profiles-9.2.yml", "example:exporter-elasticsearch.yml"},
               {{"ELASTICSEARCH_API_KEY", "hunter2"}, {"ELASTICSEARCH_ENDPOINT", "https://u:hunter2@es"}},
               {"receivers.profiling.SamplesPerSecond=97"}}));
  ASSERT_TRUE(printed);
  test::expect_golden("config/printed.yml", *printed);
  EXPECT_EQ(printed->find("hunter2"), std::string::npos);
}

TEST(CollectorConfig, BrokenOnesAreRefusedWithTheRecordedErrors) {
  const std::filesystem::path folder = SPLITPROF_SOURCE_DIR "/tests/data/config/broken";
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(file.path());
    ConfigSources given = sources({});
    given.documents = {file.path()};
    if (file.path().stem().string().starts_with("gate")) given.feature_gates.clear();
    const auto result = read_collector_config(given);
    ASSERT_FALSE(result);
    std::string message = result.error().message + "\n";
    // Where the sources are is different on each machine.
    const std::string prefix = folder.string() + "/";
    for (size_t at = message.find(prefix); at != message.npos; at = message.find(prefix))
      message.erase(at, prefix.size());
    EXPECT_EQ(message.find("hunter2"), std::string::npos);
    test::expect_golden("config/" + file.path().stem().string() + ".txt", message);
    ++files;
  }
  EXPECT_GE(files, 60u);
}

// Headings name sections ("### `receivers.profiling`"), the first cells of tables their keys.
std::set<std::string> keys_of_the_page() {
  std::set<std::string> keys;
  std::ifstream page(SPLITPROF_SOURCE_DIR "/docs/configuration.md");
  std::vector<std::string> sections;
  for (std::string line; std::getline(page, line);) {
    const bool heading = line.starts_with("### ");
    if (heading) sections.clear();
    if (!heading && !line.starts_with("| `")) continue;
    const std::string cell = heading ? line : line.substr(0, line.find(" | "));
    for (size_t begin = cell.find('`'); begin != cell.npos;) {
      const size_t end = cell.find('`', begin + 1);
      const std::string word = cell.substr(begin + 1, end - begin - 1);
      if (heading) sections.push_back(word);
      if (!heading)
        for (const auto& section : sections) keys.insert(section + "." + word);
      begin = cell.find('`', end + 1);
    }
  }
  return keys;
}

TEST(ConfigurationPage, HasEveryKeyAndNoOther) {
  const auto known = config::known_keys();
  const auto documented = keys_of_the_page();
  for (const auto& key : known) {
    // A section without a row of its own is described by its keys.
    const auto below = known.lower_bound(key + ".");
    const bool section = below != known.end() && below->starts_with(key + ".");
    const bool top = key.find('.') == key.npos;
    EXPECT_TRUE(top || section || documented.contains(key)) << key << " is not in docs/configuration.md";
  }
  for (const auto& key : documented) EXPECT_TRUE(known.contains(key)) << key << " is documented, but not understood";
  EXPECT_GT(known.size(), 200u);
}

TEST(CollectorConfig, TakesEachOfTheExamples) {
  const std::map<std::string, std::string> environment = {{"ELASTICSEARCH_API_KEY", "a2V5"}};
  size_t examples = 0;
  for (const auto& file : std::filesystem::directory_iterator(SPLITPROF_SOURCE_DIR "/docs/examples")) {
    const auto name = file.path().filename().string();
    if (name.starts_with("exporter-")) continue;
    SCOPED_TRACE(name);
    Given given{{"example:" + name}, environment};
    if (name.starts_with("edot-")) {
      given.documents.push_back("example:exporter-elasticsearch.yml");
    } else {
      given.gates.clear();  // they say so themselves
    }
    const auto got = config(given);
    EXPECT_FALSE(got.pipelines.empty());
    EXPECT_TRUE(got.notes.empty()) << got.notes.front();
    ++examples;
  }
  EXPECT_GE(examples, 10u);
}

}  // namespace
}  // namespace splitprof
