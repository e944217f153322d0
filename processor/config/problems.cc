// SPDX-License-Identifier: Apache-2.0
#include "processor/config/problems.h"

#include <algorithm>
#include <tuple>

namespace splitprof::config {
namespace {

// Nobody reads more, and a file of rubbish must not fill the log.
constexpr size_t kMaxShown = 200;

}  // namespace

uint32_t Problems::add_source(std::string name) {
  sources_.push_back(std::move(name));
  return static_cast<uint32_t>(sources_.size() - 1);
}

void Problems::add(std::vector<Message>& list, Place place, std::string text) {
  if (list.size() <= 10 * kMaxShown) list.push_back({place, std::move(text)});
}

std::vector<std::string> Problems::lines(std::vector<Message> list) const {
  std::stable_sort(list.begin(), list.end(), [](const Message& a, const Message& b) {
    return std::tie(a.place.source, a.place.line, a.place.column) <
           std::tie(b.place.source, b.place.line, b.place.column);
  });
  std::vector<std::string> out;
  for (const auto& message : list) {
    const auto& place = message.place;
    std::string line = place.source < sources_.size() ? sources_[place.source] : std::string();
    if (place.line != 0) line += fmt::format(":{}:{}", place.line, place.column);
    if (!line.empty()) line += ": ";
    out.push_back(line + message.text);
  }
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > kMaxShown) {
    const size_t more = out.size() - kMaxShown;
    out.resize(kMaxShown);
    out.push_back(fmt::format("… and {} more", more));
  }
  return out;
}

std::string Problems::errors() const {
  std::string out;
  for (const auto& line : lines(errors_)) out += (out.empty() ? "" : "\n") + line;
  return out;
}

std::vector<std::string> Problems::notes() const {
  return lines(notes_);
}

}  // namespace splitprof::config
