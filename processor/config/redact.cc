// SPDX-License-Identifier: Apache-2.0
#include "processor/config/redact.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>

namespace splitprof::config {
namespace {

constexpr const char* kRedacted = "[REDACTED]";  // as the collector prints secrets (config/configopaque)

bool is_secret(const std::string& key) {
  std::string folded;
  for (const char c : key)
    if (c != '_' && c != '-') folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (folded.ends_with("file")) return false;
  constexpr const char* kWords[] = {"password", "passphrase",    "secret",   "apikey", "credential", "pem",
                                    "headers",  "authorization", "htpasswd", "inline", "ownerauth"};
  return folded.ends_with("token") || folded.ends_with("tokens") ||
         std::any_of(std::begin(kWords), std::end(kWords),
                     [&](const char* word) { return folded.find(word) != folded.npos; });
}

// "https://user:password@host": between "://" and the last "@" before the next one.
void hide_user(std::string& text) {
  if (text.find('@') == text.npos) return;
  std::string out;
  for (size_t begin = 0;;) {
    const size_t scheme = text.find("://", begin);
    const size_t end_of_scheme = scheme == text.npos ? begin : scheme + 3;
    const size_t end = std::min(text.find("://", end_of_scheme), text.size());
    const size_t at = end == 0 ? text.npos : text.rfind('@', end - 1);
    const bool credentials =
        at != text.npos && at >= end_of_scheme &&
        (scheme != text.npos || text.substr(end_of_scheme, at - end_of_scheme).find(':') != text.npos);
    out += text.substr(begin, end_of_scheme - begin);
    out += credentials ? kRedacted + text.substr(at, end - at) : text.substr(end_of_scheme, end - end_of_scheme);
    if (end == text.size()) break;
    begin = end;
  }
  text = out;
}

void hide_all(Value& value) {
  if (value.kind == Value::Kind::scalar) {
    value.text = kRedacted;
    value.quoted = false;
  }
  for (auto& item : value.items) hide_all(item);
  // A header as {name: …, value: …}.
  const bool named = value.find("name") && value.find("value");
  for (auto& entry : value.entries)
    if (!named || entry.key != "name") hide_all(entry.value);
}

// yaml-cpp leaves a carriage return as it is in plain text, where it ends the line.
void emit_text(const std::string& text, bool quoted, YAML::Emitter& out) {
  if (quoted || std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    out << YAML::DoubleQuoted;
  out << text;
}

void emit(const Value& value, YAML::Emitter& out) {
  switch (value.kind) {
    case Value::Kind::null:
      out << YAML::Null;
      break;
    case Value::Kind::scalar:
      emit_text(value.text, value.quoted, out);
      break;
    case Value::Kind::list:
      out << YAML::BeginSeq;
      for (const auto& item : value.items) emit(item, out);
      out << YAML::EndSeq;
      break;
    case Value::Kind::map:
      out << YAML::BeginMap;
      for (const auto& entry : value.entries) {
        out << YAML::Key;
        emit_text(entry.key, false, out);
        out << YAML::Value;
        emit(entry.value, out);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

void redact(Value& document) {
  if (document.kind == Value::Kind::scalar) hide_user(document.text);
  for (auto& item : document.items) redact(item);
  for (auto& entry : document.entries) {
    if (is_secret(entry.key))
      hide_all(entry.value);
    else
      redact(entry.value);
  }
}

std::string print_yaml(const Value& document) {
  YAML::Emitter out;
  emit(document, out);
  return std::string(out.c_str()) + "\n";
}

}  // namespace splitprof::config
