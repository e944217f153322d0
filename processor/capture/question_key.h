// SPDX-License-Identifier: Apache-2.0
//
// What a question is known by in a capture: the name of its type and, where its value is plain bytes, those; else its
// `process` and its `name`, where it has them. A new type of question needs nothing here: of those that are alike the
// n-th is answered by the n-th that was recorded, which is always right while the same program replays. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "processor/ingest/input.h"

namespace splitprof {

// "AskMappings" for AskMappings: stable whatever its place in the variant.
template <typename T>
constexpr std::string_view type_name() {
  // GCC: "… [with T = splitprof::AskMappings; …]"; Clang: "… [T = splitprof::AskMappings]"
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(name.find("T = ") + 4);
  name = name.substr(0, name.find_first_of(";]"));
  return name.substr(name.rfind(':') + 1);
}
static_assert(type_name<AskMappings>() == "AskMappings");

struct QuestionKey {
  std::string_view name;
  std::string key;
};

inline QuestionKey key_of(const Question& question) {
  return std::visit(
      [](const auto& specific) {
        using T = std::remove_cvref_t<decltype(specific)>;
        QuestionKey made{.name = type_name<T>(), .key = {}};
        if constexpr (!std::is_empty_v<T> && std::has_unique_object_representations_v<T>)  // no padding, no pointer
          made.key.assign(reinterpret_cast<const char*>(&specific), sizeof(specific));
        else if constexpr (requires { specific.process.value; })
          made.key.assign(reinterpret_cast<const char*>(&specific.process.value), sizeof(specific.process.value));
        if constexpr (requires { made.key += specific.name; }) made.key += specific.name;
        return made;
      },
      question);
}

}  // namespace splitprof
