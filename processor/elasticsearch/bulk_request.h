// SPDX-License-Identifier: Apache-2.0
//
// A body as a request to /_bulk: address, parameters, headers, compression. Export thread.
#pragma once

#include "processor/config/elasticsearch_options.h"
#include "processor/elasticsearch/group.h"
#include "processor/http/client.h"
#include "processor/pipelines/message.h"

namespace splitprof::elasticsearch {

// Whether every document of this group belongs into a data stream, and may not make an index of that name.
bool wants_data_stream(const ElasticsearchOptions& options, Group group);

// As it goes over the wire: gzip, or as it is.
std::shared_ptr<const std::string> wire_form(const ElasticsearchOptions& options,
                                             const std::shared_ptr<const Message>& message);

http::Request bulk_request(const ElasticsearchOptions& options, const std::string& endpoint, const Message& message,
                           std::shared_ptr<const std::string> wire, bool require_data_stream);

}  // namespace splitprof::elasticsearch
