// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/folded.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>

#include "processor/export/utf8.h"

namespace splitprof::otlp {
namespace {

constexpr size_t kMaxNameBytes = 1024;

// `;` parts the names of a line, a newline the lines.
void append_name(std::string& out, std::string_view name) {
  const size_t end = out.size() + kMaxNameBytes;
  while (!name.empty() && out.size() < end) {
    const auto character = next_character(name);
    if (!character.valid || !is_harmless(character.value))
      out += '?';
    else if (character.value == ';')
      out += ':';
    else
      out += name.substr(0, character.bytes);
    name.remove_prefix(character.bytes);
  }
}

class Folder {
 public:
  explicit Folder(const otel::Dictionary& dictionary) : dictionary_(dictionary) {}

  void add(const otel::ResourceProfiles& resource) {
    std::string process;
    for (const auto* key : {"process.executable.name", "service.name"}) {
      const auto* value = find(resource.resource.attributes, key);
      if (value == nullptr || text_of(*value).empty()) continue;
      append_name(process, text_of(*value));
      break;
    }
    if (process.empty()) process = "[unknown]";
    for (const auto& scope : resource.scopes)
      for (const auto& profile : scope.profiles)
        for (const auto& sample : profile.samples) lines_[process + stack(sample.stack)] += count_of(profile, sample);
  }

  std::string text() const {
    std::string out;
    for (const auto& [stack, count] : lines_) fmt::format_to(std::back_inserter(out), "{} {}\n", stack, count);
    return out;
  }

 private:
  static int64_t count_of(const otel::Profile& profile, const otel::Sample& sample) {
    if (sample.timestamps.count > 0) return sample.timestamps.count;
    return sample.values.count > 0 ? part_of(profile.values, sample.values)[0] : 1;
  }

  // `;outermost;…;leaf`.
  const std::string& stack(int32_t index) {
    const auto [entry, is_new] = stacks_.try_emplace(index);
    if (!is_new) return entry->second;
    const auto locations = dictionary_.locations_of(index);
    for (auto location = locations.rbegin(); location != locations.rend(); ++location)
      append_location(entry->second, *location);
    return entry->second;
  }

  void append_location(std::string& out, int32_t index) const {
    const auto* location = dictionary_.location(index);
    if (location == nullptr) {
      out += ";[unknown]";
      return;
    }
    const char* suffix = is_kernel(*location) ? "_[k]" : "";
    const auto lines = dictionary_.lines_of(*location);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      const auto* function = dictionary_.function(line->function);
      const auto name = function == nullptr ? std::string_view() : dictionary_.strings[function->name];
      out += ';';
      append_name(out, name.empty() ? "[unknown]" : name);
      // All but the outermost are inlined into it.
      out += line == lines.rbegin() ? suffix : "_[i]";
    }
    if (lines.empty()) append_address(out, *location, suffix);
  }

  void append_address(std::string& out, const otel::Location& location, const char* suffix) const {
    const auto* mapping = dictionary_.mapping(location.mapping);
    auto file = mapping == nullptr ? std::string_view() : dictionary_.strings[mapping->filename];
    file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
    out += ';';
    append_name(out, file.empty() ? "[unknown]" : file);
    fmt::format_to(std::back_inserter(out), "+{:#x}{}", location.address, suffix);
  }

  bool is_kernel(const otel::Location& location) const {
    for (const int32_t index : dictionary_.attributes_of(location)) {
      const auto* attribute = dictionary_.attribute(index);
      if (attribute != nullptr && dictionary_.strings[attribute->key] == otel::key::kFrameType)
        return text_of(attribute->value) == "kernel";
    }
    return false;
  }

  const otel::Dictionary& dictionary_;
  std::unordered_map<int32_t, std::string> stacks_;
  std::map<std::string, int64_t> lines_;
};

}  // namespace

std::string to_folded(const otel::Profiles& profiles) {
  Folder folder(profiles.dictionary);
  for (const auto& resource : profiles.resources) folder.add(resource);
  return folder.text();
}

}  // namespace splitprof::otlp
