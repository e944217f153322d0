// SPDX-License-Identifier: Apache-2.0
#include "processor/export/names.h"

#include <fmt/format.h>

#include "bpf/abi.h"

namespace splitprof {

namespace {

constexpr size_t kMaxTextBytes = 1024;  // names of C++ templates go beyond; nobody reads that far

FrameClass class_of(Frame::Kind kind) {
  switch (kind) {
    case Frame::Kind::native:
    case Frame::Kind::go:
      return FrameClass::native;
    case Frame::Kind::kernel:
      return FrameClass::kernel;
    case Frame::Kind::marker:
      return FrameClass::marker;
    case Frame::Kind::hotspot:
    case Frame::Kind::v8:
    case Frame::Kind::dotnet:
    case Frame::Kind::beam:  // compiled when loaded, where the CPU is one of ours
    case Frame::Kind::luajit:
      return FrameClass::jit;
    case Frame::Kind::python:
    case Frame::Kind::ruby:
    case Frame::Kind::perl:
    case Frame::Kind::php:
      return FrameClass::interpreter;
    case Frame::Kind::unknown:
      break;
  }
  return FrameClass::unknown;
}

std::string marker_text(uint32_t place, uint64_t address) {
  switch (place) {
    case Marker::kGap:
      return fmt::format("[gap: {} frame{} left out]", address, address == 1 ? "" : "s");
    case Marker::kLimit:
      return "[stack not kept: the profile is full]";
#define SP_COUNTER(number, name, text) \
  case number:                         \
    return "[truncated: " #name "]";
#include "bpf/counters.def"
#undef SP_COUNTER
    default:
      return fmt::format("[truncated: reason {}]", place);
  }
}

std::string_view file_name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  const auto name = slash == path.npos ? path : path.substr(slash + 1);
  return name.empty() ? path : name;
}

}  // namespace

Names::Names(const Profile& profile, const Symbolizer& symbolizer) {
  intern("");
  intern(Module{});
  first_line_.reserve(profile.frames().size() + 1);
  lines_.reserve(profile.frames().size());
  for (const Frame& frame : profile.frames()) {
    first_line_.push_back(static_cast<uint32_t>(lines_.size()));
    add(frame, symbolizer);
  }
  first_line_.push_back(static_cast<uint32_t>(lines_.size()));
  for (const Resource& resource : profile.resources()) {
    const auto& name = resource.process_name;
    processes_.push_back(intern(name.empty() ? fmt::format("[pid {}]", resource.pid) : name));
  }
}

std::span<const DisplayFrame> Names::of(FrameId frame) const {
  return std::span(lines_).subspan(first_line_[frame], first_line_[frame + 1] - first_line_[frame]);
}

TextId Names::intern(std::string_view raw) {
  auto text = printable_text(raw, kMaxTextBytes);
  const auto [entry, is_new] = text_ids_.try_emplace(std::move(text), static_cast<TextId>(texts_.size()));
  if (is_new) texts_.push_back(entry->first);
  return entry->second;
}

ModuleId Names::intern(const Module& module) {
  const DisplayModule display{.path = intern(module.path), .build_id = intern(module.build_id)};
  const auto key = uint64_t{display.path} << 32 | display.build_id;
  const auto [entry, is_new] = module_ids_.try_emplace(key, static_cast<ModuleId>(modules_.size()));
  if (is_new) modules_.push_back(display);
  return entry->second;
}

void Names::add(const Frame& frame, const Symbolizer& symbolizer) {
  if (frame.kind == Frame::Kind::marker) {
    const auto text = intern(marker_text(frame.place, frame.address));
    lines_.push_back({.text = text, .frame_class = FrameClass::marker});
    return;
  }
  const auto module = intern(symbolizer.module(frame));
  const auto before = lines_.size();
  add_symbols(frame, symbolizer.symbolize(frame), module);
  if (lines_.size() == before) lines_.push_back(without_symbol(frame, module));
}

void Names::add_symbols(const Frame& frame, const std::vector<Symbol>& symbols, ModuleId module) {
  auto frame_class = class_of(frame.kind);
  if (frame_class == FrameClass::unknown) frame_class = FrameClass::jit;  // only a JIT compiler names such addresses
  for (const Symbol& symbol : symbols) {
    if (symbol.function.empty()) continue;
    const bool inlined = symbol.inlined && frame_class == FrameClass::native;
    lines_.push_back({.text = intern(symbol.function),
                      .file = intern(symbol.file),
                      .line = symbol.line,
                      .module = module,
                      .frame_class = inlined ? FrameClass::inlined : frame_class,
                      .named = true});
  }
}

DisplayFrame Names::without_symbol(const Frame& frame, ModuleId module) {
  const std::string path(text(modules_[module].path));
  const auto text =
      path.empty() ? intern("[unknown]") : intern(fmt::format("{}+{:#x}", file_name_of(path), frame.address));
  return {.text = text, .module = module, .frame_class = class_of(frame.kind)};
}

}  // namespace splitprof
