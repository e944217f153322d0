// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/file_exporter.h"

#include <zstd.h>

#include "processor/otlp/codec.h"
#include "processor/otlp/count.h"
#include "processor/otlp/folded.h"
#include "processor/otlp/output_file.h"
#include "processor/telemetry/exporter_metrics.h"
#include "shared/check.h"
#include "shared/log.h"

namespace splitprof::otlp {
namespace {

constexpr size_t kBufferBytes = 1u << 20;  // is written at once
constexpr uint64_t kDayNs = 24ull * 3600 * 1'000'000'000;
constexpr uint64_t kComplainAgainNs = 60'000'000'000;
constexpr int kZstdLevel = 3;  // zstd's default, and the collector's

// exporter/fileexporter of opentelemetry-collector-contrib, README: 4 bytes, most significant first.
std::string length_prefix(size_t length) {
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(length >> shift);
  return out;
}

std::string compressed(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
  CHECK(!ZSTD_isError(size));  // there is room, as ZSTD_compressBound promises
  out.resize(size);
  return out;
}

}  // namespace

struct FileExporter::State {
  FileExporterOptions options;
  std::unique_ptr<OutputFile> file;
  ExporterMetrics counters;
  Times now;
  std::string buffer;
  uint64_t items = 0, samples = 0;  // in the buffer
  uint64_t flush_at_ns = 0;
  uint64_t complained_at_ns = 0;
  bool failing = false;
  bool stopped = false;

  Encoding encoding() const {
    return options.format == FileExporterOptions::Format::json ? Encoding::json : Encoding::proto;
  }

  // A batch as it stands in the file.
  std::string framed(std::string bytes) const {
    if (options.zstd) bytes = compressed(bytes);
    if (options.zstd || options.format == FileExporterOptions::Format::proto)
      return length_prefix(bytes.size()) + bytes;
    return bytes + '\n';
  }

  void put(const std::string& record, uint64_t more_items, uint64_t more_samples) {
    if (file->is_full(buffer.size() + record.size())) {
      flush();
      if (file->is_full(record.size()))
        if (const auto rotated = file->rotate(now.unix_ns); !rotated) complain(rotated.error().message);
    }
    buffer += record;
    items += more_items;
    samples += more_samples;
    counters.items_encoded += more_items;
    counters.samples_waiting += more_samples;
    if (buffer.size() >= kBufferBytes) flush();
  }

  void flush() {
    flush_at_ns = now.monotonic_ns + options.flush_interval_ns;
    if (buffer.empty()) return;
    const auto written = file->write(buffer);
    failing = !written;
    if (written) {
      counters.items_delivered += items;
      counters.samples_delivered += samples;
    } else {
      counters.items_given_up += items;
      counters.samples_given_up += samples;
      complain(written.error().message + "; what was to be written is lost");
    }
    counters.samples_waiting -= samples;
    items = samples = 0;
    buffer.clear();
    if (buffer.capacity() > 2 * kBufferBytes) buffer.shrink_to_fit();
  }

  void complain(const std::string& why) {
    if (complained_at_ns != 0 && now.monotonic_ns - complained_at_ns < kComplainAgainNs) return;
    complained_at_ns = now.monotonic_ns;
    log::error("exporter {}: {}", options.name, why);
  }
};

Result<std::unique_ptr<FileExporter>> FileExporter::make(const FileExporterOptions& options) {
  const bool folded = options.format == FileExporterOptions::Format::folded;
  auto file = OutputFile::open({.path = options.path,
                                .append = options.append || folded,
                                .rotate = options.rotate,
                                .max_bytes = options.max_megabytes << 20,
                                .max_age_ns = options.max_days * kDayNs,
                                .max_backups = options.max_backups,
                                .local_time = options.local_time});
  if (!file) return fail(file.error().code, "exporter {}: {}", options.name, file.error().message);
  auto state = std::make_unique<State>();
  state->options = options;
  state->file = std::move(*file);
  return std::unique_ptr<FileExporter>(new FileExporter(std::move(state)));
}

FileExporter::FileExporter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileExporter::~FileExporter() = default;

std::vector<std::string> FileExporter::writable_folders(const FileExporterOptions& options) {
  if (!options.rotate) return {};
  const size_t slash = options.path.rfind('/');
  return {slash == 0 ? "/" : options.path.substr(0, slash)};
}

void FileExporter::consume(const otel::Profiles& batch) {
  State& state = *state_;
  const uint64_t samples = batch.sample_count();
  state.counters.samples_received += samples;
  if (samples == 0) return;
  if (state.options.format == FileExporterOptions::Format::folded)
    state.put(to_folded(batch), profile_count(batch), samples);
  else
    state.put(state.framed(encode(batch, state.encoding())), profile_count(batch), samples);
}

void FileExporter::consume(const otel::Metrics& batch) {
  State& state = *state_;
  const uint64_t points = point_count(batch);
  if (points == 0) return;
  if (state.options.format == FileExporterOptions::Format::folded)
    state.counters.points_without_document += points;
  else
    state.put(state.framed(encode(batch, state.encoding())), points, 0);
}

void FileExporter::tick(const Times& now) {
  state_->now = now;
  if (now.monotonic_ns >= state_->flush_at_ns) state_->flush();
}

void FileExporter::stop(const Times& now, uint64_t) {
  state_->now = now;
  state_->flush();
  state_->stopped = true;
}

bool FileExporter::finished() const {
  return state_->stopped && state_->buffer.empty();
}

std::vector<NamedMetric> FileExporter::metrics() const {
  return list(state_->counters);
}

bool FileExporter::healthy() const {
  return !state_->failing;
}

}  // namespace splitprof::otlp
