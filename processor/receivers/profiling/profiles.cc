// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/profiles.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "processor/elf/htl_hash.h"
#include "processor/export/printable.h"
#include "processor/receivers/profiling/dictionary_builder.h"
#include "processor/receivers/profiling/frame_types.h"
#include "processor/receivers/profiling/resource.h"

namespace splitprof {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int32_t kNotMade = -1, kLeftOut = -2;  // instead of an index

std::string_view base_name(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path.substr(path.rfind('/') + 1);
}

class Maker {
 public:
  Maker(const Profile& profile, const Symbolizer& symbolizer, const ProfilesContext& context)
      : profile_(profile),
        symbolizer_(symbolizer),
        context_(context),
        host_(host_attributes(context.host)),
        locations_(profile.frames().size(), kNotMade),
        stacks_(profile.trace_count(), kNotMade),
        groups_(profile.resources().size(), kNotMade) {}

  otel::Profiles make() {
    const auto rows = collect_rows();
    otel::Profiles made;
    for (auto row = rows.begin(); row != rows.end();) {
      const auto end = std::find_if(row, rows.end(), [&](const Row& other) { return other.group != row->group; });
      made.resources.push_back(make_resource(std::span(row, end)));
      row = end;
    }
    made.dictionary = dictionary_.finish();
    return made;
  }

 private:
  // One sample of ours. They are sorted, so that those of one resource, and of those the hits of one sample of
  // OpenTelemetry's, stand together.
  struct Row {
    int32_t group = 0, stack = 0;
    ThreadId thread = 0;
    uint32_t cpu = 0;
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC
    auto sample() const { return std::tuple(group, stack, thread, cpu); }
    bool operator<(const Row& other) const {
      return std::tuple(sample(), time_ns) < std::tuple(other.sample(), other.time_ns);
    }
  };
  // What frames of one file, or of the kernel or one of its modules, share.
  struct MappedModule {
    int32_t mapping = 0;
    bool go = false;
    std::string nameless;  // it has no identifier: its frames are told apart by this name and their addresses
  };

  std::vector<Row> collect_rows() {
    std::vector<Row> rows;
    rows.reserve(profile_.moments().size());
    for (const Moment& moment : profile_.moments()) {
      const TraceCount& count = profile_.counts()[moment.count];
      rows.push_back({group_of(count.resource), stack_of(count.trace), moment.thread, moment.cpu, moment.time_ns});
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  // A process that was renamed meanwhile is several resources of ours; those that look alike are one here.
  int32_t group_of(ResourceId id) {
    if (groups_[id] != kNotMade) return groups_[id];
    const Resource& resource = profile_.resources()[id];
    auto attributes = process_attributes(resource, context_.variables);
    for (const int32_t known : groups_by_process_[{resource.pid, resource.start_time_ns}])
      if (group_attributes_[static_cast<size_t>(known)] == attributes) return groups_[id] = known;
    groups_[id] = static_cast<int32_t>(group_attributes_.size());
    group_attributes_.push_back(std::move(attributes));
    groups_by_process_[{resource.pid, resource.start_time_ns}].push_back(groups_[id]);
    return groups_[id];
  }

  otel::ResourceProfiles make_resource(std::span<const Row> rows) {
    otel::ResourceProfiles made;
    made.resource.attributes = group_attributes_[static_cast<size_t>(rows.front().group)];
    made.resource.attributes.insert(made.resource.attributes.end(), host_.begin(), host_.end());
    otel::ScopeProfiles scope;
    scope.scope = {.name = "splitprof", .version = SPLITPROF_VERSION};
    scope.profiles.push_back(make_profile(rows));
    made.scopes.push_back(std::move(scope));
    return made;
  }

  otel::Profile make_profile(std::span<const Row> rows) {
    // Samples that waited for their process's files are of an earlier interval.
    uint64_t begin_ns = context_.begin_ns, end_ns = context_.end_ns;
    for (const Row& row : rows) {
      begin_ns = std::min(begin_ns, row.time_ns);
      end_ns = std::max(end_ns, row.time_ns);
    }
    otel::Profile made;
    made.sample_type = {dictionary_.string("samples"), dictionary_.string("count")};
    made.period_type = {dictionary_.string("cpu"), dictionary_.string("nanoseconds")};
    made.period = kSecondNs / std::max<uint32_t>(1, context_.hz);
    made.time_ns = unix_ns(begin_ns);
    made.duration_ns = end_ns - begin_ns;
    made.timestamps_ns.reserve(rows.size());
    const Row* last = nullptr;
    for (const Row& row : rows) {
      if (last == nullptr || last->sample() != row.sample()) add_sample(row, made);
      made.timestamps_ns.push_back(unix_ns(row.time_ns));
      ++made.samples.back().timestamps.count;
      last = &row;
    }
    return made;
  }

  void add_sample(const Row& row, otel::Profile& made) {
    const Thread& thread = profile_.threads()[row.thread];
    const auto first = static_cast<uint32_t>(made.indices.size());
    if (!thread.name.empty())
      made.indices.push_back(dictionary_.attribute(otel::key::kThreadName, printable_text(thread.name, kMaxNameBytes)));
    made.indices.push_back(dictionary_.attribute(otel::key::kThreadId, int64_t{thread.tid}));
    made.indices.push_back(dictionary_.attribute(otel::key::kCpu, int64_t{row.cpu}));
    made.samples.push_back({.stack = row.stack,
                            .attributes = {first, static_cast<uint32_t>(made.indices.size()) - first},
                            .timestamps = {static_cast<uint32_t>(made.timestamps_ns.size()), 0}});
  }

  uint64_t unix_ns(uint64_t monotonic_ns) const {
    return context_.clock.realtime_ns + (monotonic_ns - context_.clock.monotonic_ns);  // also of what was before
  }

  int32_t stack_of(TraceId trace) {
    if (stacks_[trace] != kNotMade) return stacks_[trace];
    stack_.clear();
    for (const FrameId frame : profile_.trace_frames(trace))
      if (const int32_t location = location_of(frame); location != kLeftOut) stack_.push_back(location);
    return stacks_[trace] = dictionary_.stack(stack_);
  }

  int32_t location_of(FrameId id) {
    if (locations_[id] == kNotMade) locations_[id] = make_location(profile_.frames()[id]);
    return locations_[id];
  }

  int32_t make_location(const Frame& frame) {
    switch (frame.kind) {
      case Frame::Kind::marker:
        return context_.send_error_frames ? named_location(marker_name(frame), frame.kind) : kLeftOut;
      case Frame::Kind::unknown:
        // Addresses of memory without a file differ in every process, and say nothing to anybody later.
        if (unknown_ == kNotMade) unknown_ = named_location("[unknown]", frame.kind);
        return unknown_;
      case Frame::Kind::kernel:
        return kernel_location(frame);
      case Frame::Kind::native:
      case Frame::Kind::go:
        return native_location(frame);
      default:
        return add_location(0, 0, symbolizer_.symbolize(frame), frame.kind);
    }
  }

  int32_t named_location(std::string name, Frame::Kind kind) {
    return add_location(0, 0, {Symbol{.function = std::move(name)}}, kind);
  }

  int32_t add_location(int32_t mapping, uint64_t address, const std::vector<Symbol>& symbols, Frame::Kind kind) {
    lines_.clear();
    for (const Symbol& symbol : symbols)
      if (!symbol.function.empty())
        lines_.push_back({.function = dictionary_.function(printable_text(symbol.function, kMaxNameBytes),
                                                           printable_text(symbol.file, kMaxNameBytes)),
                          .line = symbol.line});
    const int32_t type = dictionary_.attribute(otel::key::kFrameType, frame_type(kind));
    return dictionary_.add_location(mapping, address, lines_, type);
  }

  int32_t native_location(const Frame& frame) {
    const auto known = files_.find(frame.place);
    const auto& file =
        known != files_.end() ? known->second : files_.emplace(frame.place, make_file(frame)).first->second;
    auto symbols = symbolizer_.symbolize(frame);
    const uint64_t address = address_to_look_up(frame);
    const bool go = frame.kind == Frame::Kind::go || (file.go && is_go_function(symbols));
    if (symbols.empty() && !file.nameless.empty())
      symbols.push_back({.function = fmt::format("{}+{:#x}", file.nameless, address)});
    return add_location(file.mapping, address, symbols, go ? Frame::Kind::go : Frame::Kind::native);
  }

  MappedModule make_file(const Frame& frame) {
    const auto module = symbolizer_.module(frame);
    const auto name = printable_text(base_name(module.path), kMaxNameBytes);
    return {.mapping = add_mapping(name, module.build_id, module.htl_hash),
            .go = module.go,
            .nameless = module.htl_hash.empty() ? name : std::string()};
  }

  // Of the kernel and its modules nobody sees a file; their build ids come from sysfs.
  int32_t kernel_location(const Frame& frame) {
    const auto module = symbolizer_.module(frame);
    const uint64_t address = address_to_look_up(frame);
    // Where nobody knows the kernel's place in memory, addresses are nobody's business.
    const uint64_t offset = module.start == 0 || address < module.start ? 0 : address - module.start;
    const auto [entry, is_new] = kernel_mappings_.try_emplace(module.path, 0);
    if (is_new && module.path != "[bpf]") entry->second = make_kernel_mapping(module.path);
    return add_location(entry->second, offset, symbolizer_.symbolize(frame), frame.kind);
  }

  int32_t make_kernel_mapping(std::string_view path) {
    if (path == "[kernel]") {
      const auto& build_id = context_.host.kernel_build_id;
      return add_mapping("vmlinux", build_id, kernel_htl_hash(build_id));
    }
    const auto name = path.substr(1, path.size() - 2);
    std::string build_id;
    for (const auto& [module, id] : context_.host.modules)
      if (module == name) build_id = id;
    return add_mapping(printable_text(name, kMaxNameBytes), build_id, kernel_htl_hash(build_id));
  }

  int32_t add_mapping(std::string_view name, std::string_view build_id, std::string_view htl_hash) {
    std::vector<int32_t> attributes;
    if (!build_id.empty()) attributes.push_back(dictionary_.attribute(otel::key::kGnuBuildId, build_id));
    if (!htl_hash.empty()) attributes.push_back(dictionary_.attribute(otel::key::kHtlHash, htl_hash));
    return dictionary_.add_mapping(name, attributes);
  }

  const Profile& profile_;
  const Symbolizer& symbolizer_;
  const ProfilesContext& context_;
  const otel::Attributes host_;
  DictionaryBuilder dictionary_;
  std::vector<int32_t> locations_;  // by frame
  std::vector<int32_t> stacks_;     // by trace
  std::vector<int32_t> groups_;     // by resource
  std::vector<otel::Attributes> group_attributes_;
  std::map<std::pair<uint32_t, uint64_t>, std::vector<int32_t>> groups_by_process_;  // by pid and start
  std::unordered_map<uint32_t, MappedModule> files_;                                 // by number of the executable
  std::unordered_map<std::string, int32_t> kernel_mappings_;                         // by path
  int32_t unknown_ = kNotMade;
  std::vector<int32_t> stack_;     // of the trace at hand
  std::vector<otel::Line> lines_;  // of the location at hand
};

}  // namespace

otel::Profiles make_profiles(const Profile& profile, const Symbolizer& symbolizer, const ProfilesContext& context) {
  return Maker(profile, symbolizer, context).make();
}

}  // namespace splitprof
