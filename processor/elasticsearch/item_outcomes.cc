// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/item_outcomes.h"

#include <algorithm>

namespace splitprof::elasticsearch {
namespace {

// Groups whose documents have ids of their own: that one is known already is what happens every day.
bool may_be_known(Group group) {
  return group == Group::stacktraces || group == Group::stackframes || group == Group::executables;
}

uint64_t samples(Group group) {
  return group == Group::events ? 1 : 0;
}

const char* advice(const ItemOutcome& outcome) {
  if (outcome.status == 403) return "; the user or key lacks a right on this index: docs/elasticsearch.md lists them";
  if (outcome.status == 404)
    return "; there is no template for it on the server: for profiles, set Universal Profiling up in Kibana, for "
           "metrics, Elasticsearch has to be 8.16 or newer";
  return "";
}

}  // namespace

std::vector<BulkItem> ItemOutcomes::judge(Group group, std::span<const BulkItem> items,
                                          std::span<const ItemOutcome> outcomes, bool sent_before, uint64_t now_ns) {
  std::vector<BulkItem> again;
  const auto& for_now = options_.retry.on_document_status;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto& outcome = outcomes[i];
    const bool known = outcome.status == 409 && (may_be_known(group) || sent_before);
    if (outcome.status <= 201 || known || outcome.failure_store == "used") {
      ++metrics_.items_delivered;
      metrics_.items_known += known;
      metrics_.samples_delivered += samples(group);
    } else if (std::find(for_now.begin(), for_now.end(), outcome.status) != for_now.end()) {
      again.push_back(items[i]);
    } else {
      refuse(group, items[i], outcome, now_ns);
    }
  }
  return again;
}

void ItemOutcomes::refuse(Group group, const BulkItem& item, const ItemOutcome& outcome, uint64_t now_ns) {
  const bool conflict = outcome.status == 409;
  const bool no_update = outcome.status == 400 && group == Group::executables &&
                         outcome.error_type == "illegal_argument_exception" && item.action.starts_with("{\"update\"");
  if (group == Group::metrics && conflict) ++metrics_.items_conflicting;
  if (group == Group::metrics && outcome.error_type == "timestamp_error") ++metrics_.items_refused_too_old;
  if (no_update) {
    complaints_.say(log::Level::info, now_ns, "update",
                    "the server does not update executables: from now on they are created");
    on_executables_not_updatable();
  } else if (!conflict || !options_.suppress_conflict_errors) {
    // The reason may quote the document, which is why it is shown only to who asked for it.
    const bool with_reason = options_.include_source_on_error.value_or(false) && !outcome.error_reason.empty();
    complaints_.say(
        log::Level::err, now_ns, fmt::format("{} {} {}", outcome.status, outcome.index, outcome.error_type),
        fmt::format("a document{}{} was refused: status {}, {}{}{}{}", outcome.index.empty() ? "" : " for ",
                    outcome.index, outcome.status, outcome.error_type.empty() ? "no reason given" : outcome.error_type,
                    with_reason ? ": " + outcome.error_reason : "", advice(outcome),
                    conflict ? "; another one of the same series and millisecond is there already" : ""));
  }
  ++metrics_.items_refused;
  metrics_.samples_refused += samples(group);
  on_refused(item.action);
}

void ItemOutcomes::refuse_all(Group group, std::span<const BulkItem> items) {
  metrics_.items_refused += items.size();
  metrics_.samples_refused += items.size() * samples(group);
  for (const auto& item : items) on_refused(item.action);
}

void ItemOutcomes::give_up(Group group, std::span<const BulkItem> items) {
  metrics_.items_given_up += items.size();
  metrics_.samples_given_up += items.size() * samples(group);
  for (const auto& item : items) on_refused(item.action);
}

}  // namespace splitprof::elasticsearch
