// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a configuration: it is a checked value or has an error with words in it, and what --print-config prints
// of it is YAML again, which prints as itself.
#include "processor/config/collector_config.h"
#include "shared/check.h"

namespace {

std::optional<std::string> variable(const std::string& name) {
  if (name == "URL") return "https://user:password@localhost:9200";
  if (name == "MAP") return "{a: [b, {c: d}], e: ${env:URL}}";
  if (name == "SELF") return "x ${env:SELF}";
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  const std::string text(reinterpret_cast<const char*>(data), size);
  // Reading devices would wait, or look at the machine.
  if (text.find("/dev") != text.npos || text.find("/proc") != text.npos) return 0;
  ConfigSources sources;
  sources.documents = {"yaml:" + text};
  sources.feature_gates = {"service.profilesSupport"};
  sources.environment = variable;
  const auto config = read_collector_config(sources);
  if (!config) CHECK(!config.error().message.empty());
  if (config) CHECK(!config->pipelines.empty());

  const auto printed = print_collector_config(sources);
  CHECK(printed || !config);
  if (!printed) return 0;
  if (printed->find('$') != printed->npos || printed->find("::") != printed->npos) return 0;  // would be read once more
  sources.documents = {"yaml:" + *printed};
  const auto again = print_collector_config(sources);
  CHECK(again);
  CHECK(*again == *printed);
  return 0;
}
