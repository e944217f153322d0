// SPDX-License-Identifier: Apache-2.0
#include "sample_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "bpf/abi.h"

namespace splitprof::test {

std::vector<Symbol> TableSymbolizer::symbolize(const Frame& frame) const {
  const auto found = symbols_.find(frame);
  return found == symbols_.end() ? std::vector<Symbol>{} : found->second;
}

Module TableSymbolizer::module(const Frame& frame) const {
  const auto found = modules_.find({frame.kind, frame.place});
  return found == modules_.end() ? Module{} : found->second;
}

namespace {

using Kind = Frame::Kind;

RunSummary run() {
  RunSummary s;
  s.version = "0.1.0";
  s.host_name = "builder-7";
  s.kernel_release = "6.1.0-28-amd64";
  s.architecture = "x86_64";
  s.target = "the whole machine";
  s.online_cpus = 4;
  s.hz = 100;
  s.started_realtime_ns = 1700000000000000000;
  s.duration_ns = 15000000000;
  return s;
}

class Maker {
 public:
  explicit Maker(Sampled& sampled) : sampled_(sampled) {
    auto& symbols = sampled.symbolizer;
    symbols.set_module(Kind::native, 1, {"/usr/bin/web server", "c0ffee0123456789c0ffee0123456789c0ffee01"});
    symbols.set_module(Kind::native, 2, {"/usr/lib/x86_64-linux-gnu/libc.so.6", "feed0123456789"});
    symbols.set_module(Kind::native, 3, {"/usr/bin/node", ""});
    symbols.set_module(Kind::native, 4, {"/usr/bin/python3.11", ""});
    symbols.set_module(Kind::kernel, 0, {"[kernel]", ""});
  }

  Frame named(Kind kind, uint32_t place, const std::string& function, std::vector<std::string> inlined = {}) {
    const Frame frame{.kind = kind, .place = place, .address = 0x1000 + 16 * (next_address_++)};
    std::vector<Symbol> symbols;
    for (const auto& name : inlined) symbols.push_back({.function = name, .file = "in.h", .line = 7, .inlined = true});
    symbols.push_back({.function = function, .file = kind == Kind::native ? "main.cc" : "", .line = 42});
    sampled_.symbolizer.set(frame, symbols);
    return frame;
  }

 private:
  Sampled& sampled_;
  uint64_t next_address_ = 0;
};

// A program as a random call tree: function i calls some of those after it.
struct Program {
  Resource resource;
  std::vector<Frame> functions;
  uint32_t weight = 1;
};

std::vector<Program> programs(Maker& make) {
  std::vector<Program> all;
  auto add = [&](const char* name, Kind kind, uint32_t place, std::vector<std::string> prefixes, size_t count,
                 uint32_t weight) {
    Program program{.resource = {.pid = static_cast<uint32_t>(100 + all.size()), .process_name = name},
                    .weight = weight};
    for (size_t i = 0; i < count; ++i) {
      const auto function = fmt::format("{}_{}", prefixes[i % prefixes.size()], i);
      std::vector<std::string> inlined;
      if (kind == Kind::native && i % 5 == 3)
        inlined = {fmt::format("std::vector<{}::Row>::operator[] #{}", name, i % 3)};
      program.functions.push_back(make.named(kind, place, function, inlined));
    }
    all.push_back(std::move(program));
  };
  add("webserver", Kind::native, 1,
      {"http::Server::serve", "http::parse_header", "json::Writer::append", "db::Query::run"}, 220, 9);
  add("node", Kind::v8, 0, {"renderToString", "processTicksAndRejections", "Module._compile", "anonymous"}, 140, 5);
  add("python3", Kind::python, 0, {"<module>", "load_table", "Matrix.multiply", "fit"}, 90, 4);
  add("postgres", Kind::native, 2, {"ExecScan", "heap_getnext", "hash_search", "memcpy"}, 160, 6);
  return all;
}

}  // namespace

std::unique_ptr<Sampled> small_profile() {
  auto sampled = std::make_unique<Sampled>();
  Maker make(*sampled);
  Profile& profile = sampled->profile;
  const auto web = profile.intern_resource({.pid = 10, .process_name = "web;server"});
  const auto web2 = profile.intern_resource({.pid = 11, .process_name = "web;server"});
  const auto nameless = profile.intern_resource({.pid = 12});
  const auto kernel_thread = profile.intern_resource({.pid = 2, .process_name = "kworker/0:1"});

  const auto start = make.named(Kind::native, 2, "_start");
  const auto main = make.named(Kind::native, 1, "main");
  const auto serve = make.named(Kind::native, 1, "serve(int, char const*)", {"inner", "outer"});
  const auto read = make.named(Kind::kernel, 0, "vfs_read");
  const auto script = make.named(Kind::v8, 0, "render");
  const auto hostile = make.named(Kind::native, 1, std::string(kHostileName) + "\n\x1b[31m;\xff");
  const auto worker = make.named(Kind::kernel, 0, "worker_thread");
  const Frame nobody{.kind = Kind::unknown, .address = 0xdead};
  const Frame no_symbol{.kind = Kind::native, .place = 1, .address = 0xabc};
  const Frame gap{.kind = Kind::marker, .place = Marker::kGap, .address = 232};
  const Frame time{.kind = Kind::marker, .place = SP_COUNT_time};

  auto add = [&](ResourceId resource, std::vector<Frame> frames, uint16_t end, int times) {
    for (int i = 0; i < times; ++i) profile.add(resource, frames, end, 1000, 1);
  };
  add(web, {serve, main, start}, SP_COUNT_complete, 5);
  add(web2, {serve, main, start}, SP_COUNT_complete, 2);  // the same line as the one before
  add(web, {main, start}, SP_COUNT_complete, 1);
  add(web, {read, serve, main, start}, SP_COUNT_complete, 3);
  add(web, {hostile, main, start}, SP_COUNT_complete, 4);
  add(web, {no_symbol, gap, start}, SP_COUNT_complete, 1);
  add(web, {script, nobody, time}, SP_COUNT_time, 2);
  add(nameless, {nobody}, SP_COUNT_complete, 1);
  add(kernel_thread, {worker}, SP_COUNT_no_user_stack, 6);
  sampled->summary = run();
  return sampled;
}

std::unique_ptr<Sampled> large_profile(size_t stacks) {
  auto sampled = std::make_unique<Sampled>();
  Maker make(*sampled);
  const auto all = programs(make);
  const auto start = make.named(Kind::native, 2, "_start");
  const auto main = make.named(Kind::native, 2, "__libc_start_main");
  const auto hostile = make.named(Kind::native, 1, kHostileName);
  const auto worker = make.named(Kind::kernel, 0, "worker_thread");
  const auto kernel_worker = sampled->profile.intern_resource({.pid = 2, .process_name = "kworker/0:1"});
  std::vector<Frame> kernel;
  for (const char* name : {"copy_user_generic", "ext4_file_read_iter", "vfs_read", "ksys_read", "do_syscall_64"}) {
    kernel.push_back(make.named(Kind::kernel, 0, name));
  }
  const Frame time{.kind = Kind::marker, .place = SP_COUNT_time};

  // Arithmetic on the generator's own output: the standard distributions differ from library to library.
  std::mt19937 random(2024);
  for (size_t i = 0; i < stacks; ++i) {
    const Program& program = all[random() % all.size()];
    const auto resource = sampled->profile.intern_resource(program.resource);
    const bool cut = random() % 100 == 0;
    std::vector<Frame> stack{start, main};  // outermost first
    if (cut) stack = {time};
    for (size_t at = random() % 3; at < program.functions.size() && stack.size() < 60; at += 1 + random() % 9) {
      stack.push_back(program.functions[at]);
      if (random() % 23 == 0) break;
    }
    if (random() % 50 == 0) stack.push_back(hostile);
    if (random() % 4 == 0) {
      for (size_t depth = kernel.size(); depth-- > random() % 4;) stack.push_back(kernel[depth]);
    }
    std::reverse(stack.begin(), stack.end());
    const auto samples = 1 + random() % (program.weight * 2);
    for (size_t n = 0; n < samples; ++n) {
      sampled->profile.add(resource, stack, cut ? SP_COUNT_time : SP_COUNT_complete, 1000 + i, 1);
    }
    if (random() % 20 == 0)
      sampled->profile.add(kernel_worker, std::vector{worker}, SP_COUNT_no_user_stack, 1000 + i, 1);
  }
  sampled->summary = run();
  sampled->summary.samples.taken = sampled->profile.samples() + 3;
  sampled->summary.samples.delivered = sampled->profile.samples();
  sampled->summary.samples.lost = {{"bpf_ring", 3}};
  return sampled;
}

}  // namespace splitprof::test
