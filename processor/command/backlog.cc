// SPDX-License-Identifier: Apache-2.0
#include "processor/command/backlog.h"

#include <fmt/core.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "processor/backlog/listing.h"

namespace splitprof {
namespace {

using backlog::Listing;
using backlog::SegmentListing;
using backlog::Sums;

// UTC, to the second.
std::string time_text(uint64_t unix_ns) {
  if (unix_ns == 0) return "-";
  const auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  tm parts = {};
  char text[64];
  if (gmtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
    return "?";
  return text;
}

std::string kinds_text(const Sums& sums) {
  std::string text;
  for (const auto& [kind, messages] : sums.messages_by_kind)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", kind, messages);
  return text.empty() ? "-" : text;
}

std::string damage_text(const SegmentListing& segment) {
  if (!segment.problem.empty()) return segment.problem;
  std::string text;
  if (segment.damaged_places > 0) text += fmt::format("{} places unreadable ", segment.damaged_places);
  if (segment.damaged_bodies > 0) text += fmt::format("{} messages broken ", segment.damaged_bodies);
  if (segment.unfinished_bytes > 0) text += fmt::format("{} bytes unfinished ", segment.unfinished_bytes);
  return text.empty() ? "-" : text;
}

void print_text(const std::string& folder, const Listing& listing) {
  uint64_t bytes = 0;
  for (const SegmentListing& segment : listing.segments) bytes += segment.bytes;
  fmt::print("{}: {} messages wait ({} items, {} samples), {} segments of {} bytes\n", folder, listing.waiting.messages,
             listing.waiting.items, listing.waiting.samples, listing.segments.size(), bytes);
  fmt::print("oldest {}, newest {}; {}\n", time_text(listing.waiting.oldest_unix_ns),
             time_text(listing.waiting.newest_unix_ns),
             listing.in_use ? "a process uses it now" : "no process uses it");
  if (!listing.has_progress && !listing.segments.empty())
    fmt::print("no progress file: everything would be sent again\n");
  if (listing.cut) fmt::print("too many records: the last ones are left out\n");
  if (listing.segments.empty()) return;
  fmt::print("{:<20} {:>9} {:>9} {:>9} {:>9} {:>9}  {:<20}  {:<16}  {}\n", "segment", "bytes", "messages", "items",
             "samples", "finished", "oldest", "kinds", "damage");
  for (const SegmentListing& segment : listing.segments)
    fmt::print("{:016}.seg {:>9} {:>9} {:>9} {:>9} {:>9}  {:<20}  {:<16}  {}\n", segment.number, segment.bytes,
               segment.waiting.messages, segment.waiting.items, segment.waiting.samples, segment.finished,
               time_text(segment.waiting.oldest_unix_ns), kinds_text(segment.waiting), damage_text(segment));
}

nlohmann::json to_json(const Sums& sums) {
  nlohmann::json kinds = nlohmann::json::object();
  for (const auto& [kind, messages] : sums.messages_by_kind) kinds[std::to_string(kind)] = messages;
  return {{"messages", sums.messages},
          {"items", sums.items},
          {"samples", sums.samples},
          {"messages_by_kind", kinds},
          {"oldest_unix_ns", sums.oldest_unix_ns},
          {"newest_unix_ns", sums.newest_unix_ns}};
}

void print_json(const std::string& folder, const Listing& listing) {
  nlohmann::json segments = nlohmann::json::array();
  for (const SegmentListing& segment : listing.segments)
    segments.push_back({{"segment", segment.number},
                        {"bytes", segment.bytes},
                        {"waiting", to_json(segment.waiting)},
                        {"finished_records", segment.finished},
                        {"damaged_places", segment.damaged_places},
                        {"damaged_messages", segment.damaged_bodies},
                        {"unfinished_bytes", segment.unfinished_bytes},
                        {"problem", segment.problem}});
  const nlohmann::json all = {
      {"folder", folder},    {"in_use", listing.in_use},     {"has_progress", listing.has_progress},
      {"cut", listing.cut},  {"damaged", listing.damaged()}, {"waiting", to_json(listing.waiting)},
      {"segments", segments}};
  fmt::print("{}\n", all.dump(2, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace

int list_backlog(const std::string& folder, bool json) {
  const auto listing = backlog::list_folder(folder);
  if (!listing) {
    fmt::print(stderr, "splitprof: {}\n", listing.error().message);
    return 1;
  }
  if (json)
    print_json(folder, *listing);
  else
    print_text(folder, *listing);
  return listing->damaged() ? 1 : 0;
}

}  // namespace splitprof
