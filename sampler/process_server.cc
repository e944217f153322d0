// SPDX-License-Identifier: Apache-2.0
//
// Process: what may be asked of one target. Every open goes through the opener, and is checked against the target's key
// again when it comes back.
#include <algorithm>

#include "sampler/limits.h"
#include "sampler/link.h"
#include "sampler/runtime_request.h"

namespace splitprof {
namespace {

class ProcessServer final : public schema::Process::Server {
 public:
  ProcessServer(SharedLink link, uint64_t key) : link_(std::move(link)), key_(key) { ++link_->processes; }
  ~ProcessServer() noexcept(false) { --link_->processes; }

  kj::Promise<void> describe(DescribeContext context) override {
    return open(OpenOperation::describe).then([this, context](OpenReply reply) mutable {
      auto results = context.getResults();
      results.setCgroup(bytes_of(reply.texts[0]));
      results.setCommandLine(bytes_of(reply.texts[1]));
      results.setExecutableLink(bytes_of(reply.texts[2]));
      results.setStartTimeNs(target().start_time_ns);
    });
  }
  kj::Promise<void> mappings(MappingsContext context) override {
    return open(OpenOperation::mappings).then([context](OpenReply reply) mutable {
      context.getResults().setMaps(open_file(kj::mv(reply.file)));
    });
  }
  kj::Promise<void> memory(MemoryContext context) override {
    return open(OpenOperation::memory).then([context](OpenReply reply) mutable {
      context.getResults().setMemory(open_file(kj::mv(reply.file)));
    });
  }
  kj::Promise<void> openMapping(OpenMappingContext context) override {
    OpenRequest request{.operation = OpenOperation::mapping};
    request.start = context.getParams().getStart();
    request.end = context.getParams().getEnd();
    link_->require(request.start < request.end, "an empty mapping");
    return open(request).then(
        [context](OpenReply reply) mutable { context.getResults().setFile(open_file(kj::mv(reply.file))); });
  }
  kj::Promise<void> openFile(OpenFileContext context) override {
    OpenRequest request{};
    const auto build_id = context.getParams().getBuildId();
    const auto file_name = context.getParams().getFileName();
    link_->require(build_id.size() <= kMaxBuildIdBytes, "a build id that is too long");
    link_->require(file_name.size() <= kMaxFileNameBytes, "a file name that is too long");
    request.file_name_bytes = static_cast<uint32_t>(file_name.size());
    std::copy(file_name.begin(), file_name.end(), request.file_name);
    switch (context.getParams().getName()) {
      case schema::WellKnownFile::PERF_MAP:
        request.operation = OpenOperation::perf_map;
        break;
      case schema::WellKnownFile::DEBUG_FILE:
        request.operation = OpenOperation::debug_file;
        request.build_id_bytes = static_cast<uint32_t>(build_id.size());
        std::copy(build_id.begin(), build_id.end(), request.build_id);
        break;
      case schema::WellKnownFile::DEBUG_LINK:
        request.operation = OpenOperation::debug_link;
        request.start = context.getParams().getStart();
        request.end = context.getParams().getEnd();
        link_->require(request.start < request.end, "an empty mapping");
        break;
      case schema::WellKnownFile::DWZ_FILE:
        request.operation = OpenOperation::dwz_file;
        break;
      default:
        KJ_UNIMPLEMENTED("a well-known file that this sampler does not know");
    }
    return open(request).then(
        [context](OpenReply reply) mutable { context.getResults().setFile(open_file(kj::mv(reply.file))); });
  }
  kj::Promise<void> environment(EnvironmentContext context) override {
    if (!link_->parts.allow_environment)
      kj::throwFatalException(exception_of(fail(Errc::denied, "the sampler was started without --allow-environment")));
    return open(OpenOperation::environment).then([context](OpenReply reply) mutable {
      context.getResults().setEnvironment(bytes_of(reply.texts[0]));
    });
  }
  kj::Promise<void> setMappings(SetMappingsContext context) override {
    auto& session = link_->use();
    const auto list = context.getParams().getMappings();
    link_->require(list.size() <= SP_MAX_MAPPINGS, "too many mappings");
    std::vector<sp_mapping> mappings;
    mappings.reserve(list.size());
    uint64_t end = 0;
    for (const auto& mapping : list) {
      const uint64_t start = mapping.getStart(), length = mapping.getLength();
      link_->require(start >= end && start % 4096 == 0 && length % 4096 == 0 && length > 0 &&
                         length <= kMaxMappingBytes && start + length > start,
                     "mappings that overlap or are out of range");
      // A table may have been removed while this request was on its way: that mapping has none now.
      uint32_t table = mapping.getTable();
      if (table != SP_TABLE_PENDING && !session.has_table(table)) table = 0;
      mappings.push_back({start, mapping.getBias(), static_cast<uint32_t>(length / 4096), table});
      end = start + length;
    }
    value_or_throw(session.lists.set(target().pid, mappings));
    link_->parts.counters.add(SamplerCounter::mapping_lists_set);
    return kj::READY_NOW;
  }
  kj::Promise<void> setRuntimes(SetRuntimesContext context) override {
    auto& session = link_->use();
    const auto runtimes = read_runtimes(context.getParams());
    if (!runtimes) link_->violation(runtimes.error().message);
    auto set = session.runtimes.set(target().pid, *runtimes);
    link_->parts.counters.add(set ? SamplerCounter::runtimes_set : SamplerCounter::runtimes_refused);
    value_or_throw(std::move(set));
    return kj::READY_NOW;
  }

 private:
  Target target() {
    const auto found = link_->parts.targets.find(key_);
    if (!found) kj::throwFatalException(exception_of(fail(Errc::gone, "the process has ended or become another one")));
    return *found;
  }
  kj::Promise<OpenReply> open(OpenOperation operation) { return open(OpenRequest{.operation = operation}); }
  kj::Promise<OpenReply> open(OpenRequest request) {
    link_->use();
    const Target asked = target();
    if (asked.denied) kj::throwFatalException(exception_of(fail(Errc::denied, "the deny-list forbids to look")));
    request.pid = asked.pid;
    request.start_time_ns = asked.start_time_ns;
    return link_->parts.opener.open(request).then([this](Result<OpenReply> reply) {
      target();  // it may have become another program meanwhile: then nothing of it leaves
      return value_or_throw(std::move(reply));
    });
  }

  SharedLink link_;
  uint64_t key_;
};

}  // namespace

kj::Own<schema::Process::Server> make_process_server(SharedLink link, uint64_t key) {
  return kj::heap<ProcessServer>(std::move(link), key);
}

}  // namespace splitprof
