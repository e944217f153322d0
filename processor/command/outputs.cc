// SPDX-License-Identifier: Apache-2.0
#include "processor/command/outputs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace splitprof {
namespace {

struct Format {
  std::string_view suffix, name;
};
constexpr Format kFormats[] = {{".folded", "folded"},
                               {".pb.gz", "pprof"},
                               {".speedscope.json", "speedscope"},
                               {".html", "html"},
                               {".splitprof", "capture"}};

}  // namespace

Result<std::string> format_of(const std::string& path) {
  for (const auto& [suffix, name] : kFormats)
    if (path.size() > suffix.size() && path.ends_with(suffix)) return std::string(name);
  return fail(
      Errc::unsupported,
      "{}: the name has to end in .folded, .pb.gz, .speedscope.json, .html or .splitprof, which chooses the format",
      path);
}

Result<> make_folder(const std::string& path, const InvokingUser& user) {
  const AsUser as_user(user);
  if (mkdir(path.c_str(), 0777) == 0) return Ok{};
  struct stat status;
  if (errno == EEXIST && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return Ok{};
  return fail(Errc::io, "cannot make the folder {}: {}", path, std::strerror(errno));
}

NamesOfAllFormats all_formats_in(const std::string& folder) {
  const std::string in = folder.ends_with('/') ? folder : folder + '/';
  return {
      .outputs = {in + "flamegraph.html", in + "profile.pb.gz", in + "profile.folded", in + "profile.speedscope.json"},
      .summaries = {in + "summary.json", in + "summary.txt"}};
}

Result<kj::AutoCloseFd> open_capture(const std::string& path, const InvokingUser& user) {
  const AsUser as_user(user);
  kj::AutoCloseFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600));
  // One that was there already keeps its mode.
  if (fd.get() < 0 || fchmod(fd, 0600) != 0) return fail(Errc::io, "cannot write {}: {}", path, std::strerror(errno));
  return kj::mv(fd);
}

Result<kj::AutoCloseFd> open_for_writing(const std::string& path, const InvokingUser& user) {
  const AsUser as_user(user);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
  if (fd < 0) return fail(Errc::io, "cannot write {}: {}", path, std::strerror(errno));
  return kj::AutoCloseFd(fd);
}

Result<std::vector<OutputFile>> open_outputs(const std::vector<std::string>& paths, const InvokingUser& user) {
  std::vector<OutputFile> files;
  for (const auto& path : paths) {
    const auto format = TRY(format_of(path));
    files.push_back({path, format, {}});
  }
  if (std::count_if(files.begin(), files.end(), is_capture) > 1)
    return fail(Errc::unsupported, "only one capture (.splitprof) can be written at a time");
  for (auto& file : files) file.fd = TRY((is_capture(file) ? open_capture : open_for_writing)(file.path, user));
  return files;
}

}  // namespace splitprof
