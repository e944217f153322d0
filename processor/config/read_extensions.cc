// SPDX-License-Identifier: Apache-2.0
//
// Extensions that exporters refer to: file_storage, and basicauth and bearertokenauth for clients
// (opentelemetry-collector-contrib, extension/…). Their secret files are read here, once.
#include <algorithm>
#include <fstream>

#include "processor/config/reading.h"

namespace splitprof::config {
namespace {

// What a file holds, without the line end behind it.
void read_secret_file(Section& section, const char* key, std::string& out) {
  constexpr size_t kMaxBytes = 1u << 16;
  std::string path;
  section.text(key, path);
  if (path.empty()) return;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || text.empty()) return section.error(key, "{} cannot be read, or is empty", shown(path));
  if (text.size() > kMaxBytes) return section.error(key, "{} has more than {} bytes", shown(path), kMaxBytes);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  out = text;
}

// A line break in it would begin a header of its own.
void check_one_line(Section& section, const char* key, const std::string& text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    section.error(key, "{} holds a control character", key);
}

Authenticator read_basic(Section& section) {
  Authenticator out;
  out.kind = Authenticator::Kind::basic;
  section.refuse("htpasswd", "not supported: nothing here asks others for passwords");
  if (!section.anything_or_null("client_auth"))
    section.error("client_auth", "no credential source provided: client_auth");
  Section client = section.section("client_auth");
  client.text("username", out.user);
  client.text("password", out.password);
  read_secret_file(client, "username_file", out.user);
  read_secret_file(client, "password_file", out.password);
  client.refuse("aws_secrets_manager", "not supported");
  return out;
}

Authenticator read_bearer(Section& section) {
  Authenticator out;
  out.kind = Authenticator::Kind::bearer;
  out.scheme = "Bearer";
  section.text("scheme", out.scheme);
  section.text("token", out.token);
  read_secret_file(section, "filename", out.token);
  check_one_line(section, "scheme", out.scheme);
  check_one_line(section, "token", out.token);
  if (!section.has("token") && !section.has("filename")) section.error("token", "no bearer token provided");
  section.refuse({"tokens", "header"}, "not supported");
  return out;
}

std::string read_storage(Section& section) {
  std::string folder = "/var/lib/otelcol/file_storage";  // the original's default on Linux
  section.text("directory", folder);
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (!folder.starts_with('/')) section.error("directory", "directory has to be absolute: a path from /");
  section.ignore({"timeout", "compaction", "fsync", "create_directory", "directory_permissions", "recreate"},
                 "the backlog keeps its files its own way");
  return folder;
}

}  // namespace

void read_extension(const Entry& entry, bool listed, Reading& reading) {
  const std::string& name = entry.key;
  const std::string type = name.substr(0, name.find('/'));
  Section section = reading.section(entry.value, "extensions." + name, "extensions." + type);
  if (!listed) reading.idle_extensions.insert(name);
  if (type == "file_storage") {
    const auto folder = read_storage(section);
    if (listed) reading.storages[name] = folder;
  } else {
    const auto authenticator = type == "basicauth" ? read_basic(section) : read_bearer(section);
    if (listed) reading.authenticators[name] = authenticator;
  }
}

}  // namespace splitprof::config
