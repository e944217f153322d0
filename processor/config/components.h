// SPDX-License-Identifier: Apache-2.0
//
// The sections of components: which types there are, and every component of a document read into its options, whether
// a pipeline uses it or not.
#pragma once

#include <map>
#include <string>

#include "processor/config/reading.h"

namespace splitprof::config {

template <typename Options>
struct Component {
  Options options;
  Place place;
  bool used = false;
};

struct Components {
  std::map<std::string, Component<ReceiverOptions>> receivers;
  std::map<std::string, Component<ProfilingMetricsOptions>> connectors;
  std::map<std::string, Component<ExporterOptions>> exporters;
  std::map<std::string, Place> processors;
};

// `service_extensions`: those that service.extensions names.
Components read_components(Section& document, const std::set<std::string>& service_extensions, Reading& reading);
// What ELASTICSEARCH_URL stands for when no document defines an exporter of that name.
ElasticsearchOptions elasticsearch_of_environment(Reading& reading, Place place);

// "elasticsearch" of "elasticsearch/eu".
std::string type_of(const std::string& name);

}  // namespace splitprof::config
