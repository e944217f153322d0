// SPDX-License-Identifier: Apache-2.0
#include "shared/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "shared/check.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U  // include/uapi/linux/memfd.h, Linux 6.3
#endif

namespace splitprof {
namespace {

// F_SEAL_FUTURE_WRITE came with Linux 5.1. F_SEAL_WRITE would be refused: the writer has it mapped.
constexpr int kDataSeals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr int kPositionSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr size_t kMaxWords = (kMaxRecordBytes - sizeof(RecordHeader)) / 8;
static_assert(sizeof(RecordHeader) == 8 && sizeof(RingHeader) == 32);

// The kernel maps whole pages only, so the data area begins where the first page ends. Both sides run on one kernel.
size_t page_bytes() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

Error system_error(const char* what) {
  return fail(Errc::io, "{}: {}", what, strerror(errno));
}

// A range of addresses that is given back at the end.
class Mapping {
 public:
  Mapping(void* start, size_t bytes) : start_(start), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept : start_(std::exchange(other.start_, nullptr)), bytes_(other.bytes_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (start_) munmap(start_, bytes_);
  }
  std::byte* at(size_t offset) const { return static_cast<std::byte*>(start_) + offset; }

 private:
  void* start_;
  size_t bytes_;
};

// Header page, data area, and the data area once more behind itself.
Result<Mapping> map_twice(int fd, size_t data_bytes, int protection) {
  const size_t header_bytes = page_bytes();
  const size_t total = header_bytes + 2 * data_bytes;
  void* start = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return system_error("address space for the ring");
  Mapping mapping(start, total);
  if (mmap(start, header_bytes + data_bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
      mmap(mapping.at(header_bytes + data_bytes), data_bytes, protection, MAP_SHARED | MAP_FIXED, fd,
           static_cast<off_t>(header_bytes)) == MAP_FAILED)
    return system_error("mapping the ring");
  return mapping;
}

Result<Mapping> map_page(int fd, int protection) {
  void* start = mmap(nullptr, page_bytes(), protection, MAP_SHARED, fd, 0);
  if (start == MAP_FAILED) return system_error("mapping the ring's position");
  return Mapping(start, page_bytes());
}

Result<kj::AutoCloseFd> create_memfd(const char* name, size_t bytes) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before Linux 6.3
  if (fd < 0) return system_error("memfd_create");
  kj::AutoCloseFd file(fd);
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return system_error("sizing the ring");
  return file;
}

// A descriptor from the peer: memory (not hugetlbfs, where a missing page is a signal) that keeps its size.
Result<size_t> checked_size(int fd, int required_seals, const char* name) {
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0) return fail(Errc::malformed, "ring {}: not a memfd", name);
  if ((seals & required_seals) != required_seals) return fail(Errc::malformed, "ring {}: seals {:#x}", name, seals);
  struct statfs filesystem;
  struct stat status;
  if (fstatfs(fd, &filesystem) != 0 || fstat(fd, &status) != 0) return system_error("ring descriptor");
  if (filesystem.f_type != TMPFS_MAGIC || !S_ISREG(status.st_mode))
    return fail(Errc::malformed, "ring {}: not ordinary memory", name);
  return static_cast<size_t>(status.st_size);
}

bool acceptable_size(size_t data_bytes) {
  return std::has_single_bit(data_bytes) && data_bytes >= kMinRingBytes && data_bytes <= kMaxRingBytes;
}

// Each side stores its own position and then looks at the other one's. Sequentially consistent, as with less both could
// miss the other's store, and the reader would sleep on a record.
uint64_t load_position(const uint64_t& shared) {
  return __atomic_load_n(&shared, __ATOMIC_SEQ_CST);
}
void store_position(uint64_t& shared, uint64_t value) {
  __atomic_store_n(&shared, value, __ATOMIC_SEQ_CST);
}

// One read of memory that the other side may be changing: what was checked is what is used.
RecordHeader load_header(const std::byte* at) {
  return std::bit_cast<RecordHeader>(__atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_RELAXED));
}

}  // namespace

// ---- Writer ----------------------------------------------------------------------------------------------------

struct RingWriter::State {
  kj::AutoCloseFd data_fd, position_fd;
  Mapping data, position;
  size_t data_bytes;
  uint64_t written = 0;    // the header's copy is for the reader only
  uint64_t consumed = 0;   // the reader's position, as last verified
  uint64_t announced = 0;  // `written` at the last should_wake
  size_t reserved_words = 0;
  uint64_t published_samples = 0;
  uint64_t consumed_samples = 0;

  std::byte* record(uint64_t position_bytes) const { return data.at(page_bytes() + position_bytes % data_bytes); }
  RingHeader& header() const { return *reinterpret_cast<RingHeader*>(data.at(0)); }
  uint64_t claimed() const {
    return load_position(reinterpret_cast<const RingPosition*>(position.at(0))->read_position);
  }
};

RingWriter::RingWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RingWriter::RingWriter(RingWriter&&) noexcept = default;
RingWriter& RingWriter::operator=(RingWriter&&) noexcept = default;
RingWriter::~RingWriter() = default;

Result<RingWriter> RingWriter::create(size_t data_bytes) {
  if (!acceptable_size(data_bytes)) return fail(Errc::unsupported, "a ring of {} bytes", data_bytes);
  auto data_fd = TRY(create_memfd("splitprof-ring", page_bytes() + data_bytes));
  auto position_fd = TRY(create_memfd("splitprof-ring-position", page_bytes()));
  auto data = TRY(map_twice(data_fd.get(), data_bytes, PROT_READ | PROT_WRITE));
  auto position = TRY(map_page(position_fd.get(), PROT_READ));
  *reinterpret_cast<RingHeader*>(data.at(0)) = RingHeader{.magic = kRingMagic,
                                                          .version = kRingVersion,
                                                          .header_bytes = static_cast<uint32_t>(page_bytes()),
                                                          .data_bytes = data_bytes,
                                                          .write_position = 0};
  if (fcntl(data_fd.get(), F_ADD_SEALS, kDataSeals) != 0 || fcntl(position_fd.get(), F_ADD_SEALS, kPositionSeals) != 0)
    return system_error("sealing the ring");
  return RingWriter(std::unique_ptr<State>(
      new State{kj::mv(data_fd), kj::mv(position_fd), std::move(data), std::move(position), data_bytes}));
}

int RingWriter::data_fd() const {
  return state_->data_fd.get();
}
int RingWriter::position_fd() const {
  return state_->position_fd.get();
}
uint64_t RingWriter::published_samples() const {
  return state_->published_samples;
}
uint64_t RingWriter::consumed_samples() const {
  return state_->consumed_samples;
}
size_t RingWriter::used_bytes() const {
  return state_->written - state_->consumed;
}

std::span<uint64_t> RingWriter::reserve(size_t words) {
  CHECK(words > 0 && words <= kMaxWords);
  state_->reserved_words = 0;
  if (used_bytes() + sizeof(RecordHeader) + words * 8 > state_->data_bytes) return {};
  state_->reserved_words = words;
  auto* message = reinterpret_cast<uint64_t*>(state_->record(state_->written) + sizeof(RecordHeader));
  std::memset(message, 0, words * 8);
  return {message, words};
}

void RingWriter::commit(size_t words, uint32_t format) {
  CHECK(words > 0 && words <= state_->reserved_words);
  state_->reserved_words = 0;
  const RecordHeader header{.words = static_cast<uint32_t>(words), .format = format};
  std::memcpy(state_->record(state_->written), &header, sizeof header);
  state_->written += sizeof header + words * 8;
  if (format == kFormatSampleRecord) ++state_->published_samples;
  store_position(state_->header().write_position, state_->written);
}

Result<> RingWriter::collect_consumed() {
  const uint64_t claimed = state_->claimed();
  if (claimed < state_->consumed || claimed > state_->written)
    return fail(Errc::malformed, "reader's position {} is not in {}..{}", claimed, state_->consumed, state_->written);
  // What is walked here are our own headers: nobody else can write them. Counts become visible only with a whole walk.
  uint64_t position = state_->consumed;
  uint64_t samples = 0;
  while (position < claimed) {
    const RecordHeader header = load_header(state_->record(position));
    position += sizeof header + header.words * uint64_t{8};
    samples += header.format == kFormatSampleRecord;
  }
  if (position != claimed) return fail(Errc::malformed, "reader's position {} is inside a record", claimed);
  state_->consumed = position;
  state_->consumed_samples += samples;
  return Ok{};
}

bool RingWriter::should_wake() {
  const uint64_t before = std::exchange(state_->announced, state_->written);
  if (before == state_->written) return false;
  // A reader sleeps only after it has stored a position and then found nothing more. A lie here costs one wake-up.
  const uint64_t claimed = state_->claimed();
  return claimed >= before || state_->written - claimed > state_->data_bytes / 2;
}

// ---- Reader ----------------------------------------------------------------------------------------------------

struct RingReader::State {
  Mapping data, position;
  size_t data_bytes;
  std::vector<uint64_t> message = std::vector<uint64_t>(kMaxWords);
  uint64_t available = 0;  // the writer's position, as last verified
  uint64_t consumed = 0;
  uint64_t released = 0;  // what the writer knows of `consumed`

  const std::byte* record(uint64_t position_bytes) const { return data.at(page_bytes() + position_bytes % data_bytes); }
  const RingHeader& header() const { return *reinterpret_cast<const RingHeader*>(data.at(0)); }

  Result<> refresh() {
    const uint64_t written = load_position(header().write_position);
    if (written < available || written - released > data_bytes || written % 8 != 0)
      return fail(Errc::malformed, "writer's position went from {} to {}, {} consumed", available, written, released);
    available = written;
    return Ok{};
  }
};

RingReader::RingReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
RingReader::RingReader(RingReader&&) noexcept = default;
RingReader& RingReader::operator=(RingReader&&) noexcept = default;
RingReader::~RingReader() = default;

Result<RingReader> RingReader::open(kj::AutoCloseFd data, kj::AutoCloseFd position) {
  const size_t file_bytes = TRY(checked_size(data.get(), kDataSeals, "data"));
  const size_t position_bytes = TRY(checked_size(position.get(), kPositionSeals, "position"));
  if (file_bytes < page_bytes() || !acceptable_size(file_bytes - page_bytes()) || position_bytes != page_bytes())
    return fail(Errc::malformed, "ring of {} bytes, position of {}", file_bytes, position_bytes);
  const size_t data_bytes = file_bytes - page_bytes();
  auto mapped_data = TRY(map_twice(data.get(), data_bytes, PROT_READ));
  auto mapped_position = TRY(map_page(position.get(), PROT_READ | PROT_WRITE));

  RingHeader header;
  std::memcpy(&header, mapped_data.at(0), sizeof header);
  if (header.magic != kRingMagic) return fail(Errc::malformed, "ring: magic {:#x}", header.magic);
  if (header.version != kRingVersion) return fail(Errc::unsupported, "ring: version {}", header.version);
  if (header.header_bytes != page_bytes() || header.data_bytes != data_bytes)
    return fail(Errc::malformed, "ring: header says {} + {} bytes", header.header_bytes, header.data_bytes);
  // The mappings keep both files alive; their descriptors may go.
  return RingReader(std::unique_ptr<State>(new State{std::move(mapped_data), std::move(mapped_position), data_bytes}));
}

Result<std::optional<RingReader::Message>> RingReader::next() {
  State& state = *state_;
  if (state.consumed == state.available) TRY(state.refresh());
  if (state.consumed == state.available) {
    if (state.released == state.consumed) return std::optional<Message>();
    release();
    TRY(state.refresh());
    if (state.consumed == state.available) return std::optional<Message>();
  }
  const uint64_t left = state.available - state.consumed;  // at least 8: positions are multiples of 8
  const RecordHeader header = load_header(state.record(state.consumed));
  if (header.words > kMaxWords || sizeof header + header.words * uint64_t{8} > left)
    return fail(Errc::malformed, "record of {} words where {} bytes are left", header.words, left);
  std::memcpy(state.message.data(), state.record(state.consumed) + sizeof header, header.words * size_t{8});
  state.consumed += sizeof header + header.words * uint64_t{8};
  return std::optional(Message{.format = header.format, .words = {state.message.data(), header.words}});
}

void RingReader::release() {
  state_->released = state_->consumed;
  store_position(reinterpret_cast<RingPosition*>(state_->position.at(0))->read_position, state_->released);
}

}  // namespace splitprof
