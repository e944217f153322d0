// SPDX-License-Identifier: Apache-2.0
//
// What each document's outcome means: counted, said, told to who wants to know; and which documents are to be sent
// again. Export thread.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "processor/config/elasticsearch_options.h"
#include "processor/elasticsearch/bulk_body.h"
#include "processor/elasticsearch/bulk_response.h"
#include "processor/elasticsearch/complaints.h"
#include "processor/elasticsearch/group.h"
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof::elasticsearch {

class ItemOutcomes {
 public:
  ItemOutcomes(const ElasticsearchOptions& options, ExporterMetrics& metrics, Complaints& complaints)
      : options_(options), metrics_(metrics), complaints_(complaints) {}

  std::function<void(std::string_view)> on_refused = [](std::string_view) {};
  std::function<void()> on_executables_not_updatable = [] {};

  // Those that the server could not take for now. `sent_before`: they may have been stored already, by an earlier
  // request whose answer was lost.
  std::vector<BulkItem> judge(Group group, std::span<const BulkItem> items, std::span<const ItemOutcome> outcomes,
                              bool sent_before, uint64_t now_ns);
  // The server refuses them for good, all for the same reason, which is logged by the caller.
  void refuse_all(Group group, std::span<const BulkItem> items);
  // They will not be sent again.
  void give_up(Group group, std::span<const BulkItem> items);

 private:
  void refuse(Group group, const BulkItem& item, const ItemOutcome& outcome, uint64_t now_ns);

  const ElasticsearchOptions& options_;
  ExporterMetrics& metrics_;
  Complaints& complaints_;
};

}  // namespace splitprof::elasticsearch
