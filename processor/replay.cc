// SPDX-License-Identifier: Apache-2.0
#include "processor/replay.h"

#include "processor/capture/capture_reader.h"
#include "processor/capture/info.h"
#include "processor/elf/local_file.h"
#include "processor/export/fd_writer.h"
#include "processor/report.h"
#include "processor/run.h"
#include "processor/sandbox.h"
#include "shared/log.h"

namespace splitprof {
namespace {

Result<int> write_info(CaptureFile& file, const CaptureIndex& index, int fd) {
  const auto text = TRY(describe_capture(file, index));
  FdWriter writer(fd);
  writer.append(text);
  TRY(writer.finish());
  return index.damage ? 1 : 0;
}

void tell_differences(const Metrics& metrics) {
  log::warn(
      "the replay differs from the recording, as when another version recorded it: {} questions and {} reads without "
      "an "
      "answer, {} questions in another order, {} new jobs, {} events after its end",
      metrics.replay_questions_unanswered, metrics.replay_reads_unanswered, metrics.replay_questions_out_of_order,
      metrics.replay_jobs_unknown, metrics.replay_events_made_up);
}

}  // namespace

Result<int> replay(ProcessorOptions options) {
  TRY(drop_privileges(options.user));
  const auto lacking = TRY(confine({}));
  auto opened = TRY(LocalFile::open(kj::AutoCloseFd(options.replay_fd)));
  auto file = TRY(CaptureFile::open(std::move(opened)));
  auto index = TRY(index_capture(*file));
  if (options.capture_info_fd >= 0) return write_info(*file, index, options.capture_info_fd);
  if (index.damage && !options.damaged)
    return fail(index.damage->code, "the capture is {}; --damaged uses what stands before that", index.damage->message);
  if (index.damage) log::warn("the capture is {}; what stands before that is used", index.damage->message);

  options.hz = index.session.hz;
  options.pids.clear();
  for (const uint32_t pid : index.session.pids) options.pids.emplace_back(pid);
  Metrics metrics;
  CaptureReader reader(*file, index, metrics);
  Run session(
      reader, metrics,
      {.hz = options.hz, .only = options.pids, .duration_ns = index.session.duration_ns, .report_interval_ns = 0});
  unsigned failed = 0;
  session.on_report = [&](const Profile& profile, const Symbolizer& symbolizer) {
    auto summary = summarize(session, metrics, options);
    summary.start_up.connected_ns = index.session.connected_ns;
    summary.sandbox = lacking;
    failed += write_outputs(profile, symbolizer, options, summary);
  };
  TRY(session.run());
  if (!reader.exact()) tell_differences(metrics);
  if (index.ending && index.ending->records_left_out != 0)
    log::warn("{} records are not in the capture: it had become too large", index.ending->records_left_out);
  return failed == 0 ? 0 : 1;
}

}  // namespace splitprof
