// SPDX-License-Identifier: Apache-2.0
#include "processor/export/pprof.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <protozero/pbf_builder.hpp>
#include <unordered_map>

#include "processor/export/gzip.h"
#include "processor/export/pprof_fields.h"

namespace splitprof {

namespace {

template <typename Message>
using Builder = protozero::pbf_builder<Message>;

class Encoder {
 public:
  Encoder(const Profile& profile, const Names& names, const RunSummary& summary)
      : profile_(profile), names_(names), period_ns_(1000000000 / std::max(summary.hz, 1u)), out_(buffer_) {
    for (TextId id = 0; id < names.text_count(); ++id) strings_.push_back(names.text(id));
    add_header(summary);
    add_mappings();
    add_locations();
    add_samples();
    add_functions();
    add_comments(summary);
    for (std::string_view text : strings_) {
      out_.add_string(pprof::Profile::repeated_string_string_table, text.data(), text.size());
    }
  }

  std::string take() { return std::move(buffer_); }

 private:
  // Strings beyond those of Names; `text` must be a constant or kept in kept_.
  int64_t constant(std::string_view text) {
    const auto [entry, is_new] = constants_.try_emplace(text, static_cast<int64_t>(strings_.size()));
    if (is_new) strings_.push_back(text);
    return entry->second;
  }

  void add_value_type(pprof::Profile field, std::string_view type, std::string_view unit) {
    Builder<pprof::ValueType> value(out_, field);
    value.add_int64(pprof::ValueType::int64_type, constant(type));
    value.add_int64(pprof::ValueType::int64_unit, constant(unit));
  }

  void add_header(const RunSummary& summary) {
    add_value_type(pprof::Profile::repeated_ValueType_sample_type, "samples", "count");
    add_value_type(pprof::Profile::repeated_ValueType_sample_type, "cpu", "nanoseconds");
    add_value_type(pprof::Profile::ValueType_period_type, "cpu", "nanoseconds");
    out_.add_int64(pprof::Profile::int64_period, period_ns_);
    out_.add_int64(pprof::Profile::int64_time_nanos, summary.started_realtime_ns);
    out_.add_int64(pprof::Profile::int64_duration_nanos, static_cast<int64_t>(summary.duration_ns));
    out_.add_int64(pprof::Profile::int64_default_sample_type, constant("cpu"));
  }

  // A mapping is a file, from address 0 to the last one seen in it: addresses are those of the ELF file.
  void add_mappings() {
    std::vector<Seen> seen(names_.modules().size());
    for (FrameId id = 0; id < profile_.frames().size(); ++id) {
      const auto lines = names_.of(id);
      Seen& module = seen[lines.front().module];
      module.last_address = std::max(module.last_address, profile_.frames()[id].address);
      for (const DisplayFrame& line : lines) {
        module.files |= line.file != 0;
        module.lines |= line.line != 0;
        module.inlined |= line.frame_class == FrameClass::inlined;
      }
    }
    // pprof takes the first one for the main program: a file goes before what has a name in brackets.
    for (const bool brackets : {false, true}) {
      for (ModuleId id = 1; id < names_.modules().size(); ++id) {
        if (names_.text(names_.modules()[id].path).starts_with('[') == brackets) add_mapping(id, seen[id]);
      }
    }
  }

  // Of the frames in one file.
  struct Seen {
    uint64_t last_address = 0;
    bool files = false, lines = false, inlined = false;
  };

  void add_mapping(ModuleId id, const Seen& seen) {
    const auto& module = names_.modules()[id];
    Builder<pprof::Mapping> mapping(out_, pprof::Profile::repeated_Mapping_mapping);
    mapping.add_uint64(pprof::Mapping::uint64_id, id);
    mapping.add_uint64(pprof::Mapping::uint64_memory_limit,
                       seen.last_address == UINT64_MAX ? UINT64_MAX : seen.last_address + 1);
    mapping.add_int64(pprof::Mapping::int64_filename, module.path);
    mapping.add_int64(pprof::Mapping::int64_build_id, module.build_id);
    mapping.add_bool(pprof::Mapping::bool_has_functions, true);  // nobody needs to look for names again
    if (seen.files) mapping.add_bool(pprof::Mapping::bool_has_filenames, true);
    if (seen.lines) mapping.add_bool(pprof::Mapping::bool_has_line_numbers, true);
    if (seen.inlined) mapping.add_bool(pprof::Mapping::bool_has_inline_frames, true);
  }

  void add_locations() {
    for (FrameId id = 0; id < profile_.frames().size(); ++id) {
      const auto lines = names_.of(id);
      const Frame& frame = profile_.frames()[id];
      Builder<pprof::Location> location(out_, pprof::Profile::repeated_Location_location);
      location.add_uint64(pprof::Location::uint64_id, uint64_t{id} + 1);
      location.add_uint64(pprof::Location::uint64_mapping_id, lines.front().module);
      if (frame.kind != Frame::Kind::marker) location.add_uint64(pprof::Location::uint64_address, frame.address);
      for (const DisplayFrame& shown : lines) {
        Builder<pprof::Line> line(location, pprof::Location::repeated_Line_line);
        line.add_uint64(pprof::Line::uint64_function_id, function_of(shown));
        line.add_int64(pprof::Line::int64_line, shown.line);
      }
    }
  }

  uint64_t function_of(const DisplayFrame& frame) {
    const auto key = uint64_t{frame.text} << 32 | frame.file;
    const auto [entry, is_new] = function_ids_.try_emplace(key, functions_.size() + 1);
    if (is_new) functions_.push_back(frame);
    return entry->second;
  }

  void add_functions() {
    for (size_t i = 0; i < functions_.size(); ++i) {
      Builder<pprof::Function> function(out_, pprof::Profile::repeated_Function_function);
      function.add_uint64(pprof::Function::uint64_id, i + 1);
      function.add_int64(pprof::Function::int64_name, functions_[i].text);
      function.add_int64(pprof::Function::int64_system_name, functions_[i].text);
      function.add_int64(pprof::Function::int64_filename, functions_[i].file);
    }
  }

  void add_samples() {
    const auto process = constant("process"), pid = constant("pid");
    std::vector<uint64_t> locations;
    for (const TraceCount& count : profile_.counts()) {
      locations.clear();
      for (FrameId id : profile_.trace_frames(count.trace)) locations.push_back(uint64_t{id} + 1);
      const auto samples = static_cast<int64_t>(count.samples);
      const int64_t values[] = {samples, samples * period_ns_};
      Builder<pprof::Sample> sample(out_, pprof::Profile::repeated_Sample_sample);
      sample.add_packed_uint64(pprof::Sample::packed_uint64_location_id, locations.begin(), locations.end());
      sample.add_packed_int64(pprof::Sample::packed_int64_value, std::begin(values), std::end(values));
      {
        Builder<pprof::Label> label(sample, pprof::Sample::repeated_Label_label);
        label.add_int64(pprof::Label::int64_key, process);
        label.add_int64(pprof::Label::int64_str, names_.process(count.resource));
      }
      Builder<pprof::Label> label(sample, pprof::Sample::repeated_Label_label);
      label.add_int64(pprof::Label::int64_key, pid);
      label.add_int64(pprof::Label::int64_num, profile_.resources()[count.resource].pid);
    }
  }

  void add_comment(std::string text) {
    kept_.push_back(printable_text(text, 1024));
    out_.add_int64(pprof::Profile::repeated_int64_comment, constant(kept_.back()));
  }

  void add_comments(const RunSummary& summary) {
    kept_.reserve(2 + summary.stacks.truncated.size());  // constant() keeps views of these
    add_comment(fmt::format("splitprof {}: {} on {}, Linux {}", summary.version, summary.target, summary.host_name,
                            summary.kernel_release));
    add_comment(fmt::format("{:.2f} % of {} stacks are whole", summary.stacks.whole_percent(), profile_.samples()));
    for (const auto& [reason, count] : summary.stacks.truncated) {
      add_comment(fmt::format("truncated: {} ({} samples)", reason, count));
    }
  }

  const Profile& profile_;
  const Names& names_;
  const int64_t period_ns_;
  std::string buffer_;
  Builder<pprof::Profile> out_;
  std::vector<std::string_view> strings_;  // number i of the string table; those of Names first
  std::map<std::string_view, int64_t> constants_;
  std::vector<std::string> kept_;
  std::vector<DisplayFrame> functions_;
  std::unordered_map<uint64_t, uint64_t> function_ids_;  // by text and file
};

}  // namespace

std::string encode_pprof(const Profile& profile, const Names& names, const RunSummary& summary) {
  return Encoder(profile, names, summary).take();
}

Result<> write_pprof(const Profile& profile, const Names& names, const RunSummary& summary, int fd) {
  return write_gzip(encode_pprof(profile, names, summary), fd);
}

}  // namespace splitprof
