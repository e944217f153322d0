// SPDX-License-Identifier: Apache-2.0
//
// CaptureFile: the frames of a capture, found one after another, checked, decompressed and cached. Nothing in it is
// believed: lengths are bounded before memory is taken. Owned by who reads a capture; one thread.
#pragma once

#include <compare>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "processor/capture/entry.h"
#include "processor/ingest/input.h"

namespace splitprof {

// Where an entry begins.
struct Place {
  uint32_t frame = 0;
  uint32_t position = 0;  // in the frame's content
  friend auto operator<=>(const Place&, const Place&) = default;
};

class CaptureFile {
 public:
  using Content = std::vector<std::byte>;

  // Checks the header only.
  static Result<std::unique_ptr<CaptureFile>> open(std::unique_ptr<ReadableFile> file);

  // The content of a frame, null past the last one. Frames have to be asked for in order the first time.
  // shared_ptr: what is decoded from a frame may be in use while the cache lets it go.
  Result<std::shared_ptr<const Content>> load(uint32_t frame);
  // The entry at a place that was walked over before, and the memory that it borrows.
  struct Held {
    std::shared_ptr<const Content> content;
    Entry entry;
  };
  Result<Held> entry_at(Place place);

  uint64_t offset_of(uint32_t frame) const;  // in the file; of a frame that was found, or the one after the last
  uint64_t stored_bytes() const { return end_; }
  uint16_t minor() const { return minor_; }  // of the format

 private:
  struct Frame {
    uint64_t offset = 0;  // of its header
    uint32_t stored_bytes = 0, content_bytes = 0;
    uint64_t hash = 0;
  };
  struct Cached {
    uint32_t frame = 0;
    std::shared_ptr<const Content> content;
  };

  CaptureFile(std::unique_ptr<ReadableFile> file, uint16_t minor) : file_(std::move(file)), minor_(minor) {}
  Result<bool> find_next();
  Result<std::shared_ptr<const Content>> decompress(uint32_t number);

  std::unique_ptr<ReadableFile> file_;
  const uint16_t minor_;
  std::vector<Frame> frames_;
  uint64_t end_ = sizeof(CaptureHeader);  // of what was found, in the file
  std::deque<Cached> cache_;              // the one used last is in front
  std::vector<std::byte> stored_;
};

// Walks over a capture's entries.
class EntryCursor {
 public:
  explicit EntryCursor(CaptureFile& file) : file_(file) {}
  // The next entry, valid until the next call; nothing at the end. After an error the cursor stays where it is.
  Result<std::optional<Entry>> next();
  Place place() const { return here_; }  // of the entry that next() returned last
  uint32_t entry_bytes() const { return next_.position - here_.position; }
  // Of the one that it will return, whether or not there is one.
  Place next_place() const {
    return content_ != nullptr && next_.position >= content_->size() ? Place{next_.frame + 1, 0} : next_;
  }

 private:
  CaptureFile& file_;
  Place here_, next_;
  std::shared_ptr<const CaptureFile::Content> content_;
};

}  // namespace splitprof
