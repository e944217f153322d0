// SPDX-License-Identifier: Apache-2.0
#include "tests/sampler/hostile_target.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace splitprof {

struct HostileTarget::Shared {
  std::atomic<int> target{0};  // -1: cannot be
  std::atomic<bool> flush_hangs{false};
};

HostileTarget::HostileTarget() {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared_ = new (memory) Shared;
  if (pipe2(go_, O_CLOEXEC) != 0) return;
  server_ = fork();
  if (server_ == 0) serve();
  while (shared_->target == 0) usleep(1000);
  if (shared_->target > 0) target_ = shared_->target;
}

HostileTarget::~HostileTarget() {
  kill(server_, SIGKILL);  // its descriptor of /dev/fuse was the last one: everything that waits for it is freed
  waitpid(server_, nullptr, 0);
  if (target_ > 0) kill(target_, SIGKILL);
  close(go_[0]);
  close(go_[1]);
  munmap(shared_, sizeof(Shared));
}

void HostileTarget::hang_in_execve() {
  if (write(go_[1], "x", 1) != 1) return;
  while (!shared_->flush_hangs) usleep(1000);
}

void HostileTarget::serve() {
  const auto give_up = [this] {
    shared_->target = -1;
    _exit(1);
  };
  char folder[] = "/tmp/splitprof-fuse-XXXXXX";
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up();
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0 || mkdtemp(folder) == nullptr) give_up();
  const std::string options = "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  const bool mounted = mount("fuse", folder, "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
  if (!mounted) {
    rmdir(folder);
    give_up();
  }
  if (const pid_t target = fork(); target == 0) {
    close(device);
    const int file = open((std::string(folder) + "/f").c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 ||
        mmap(reinterpret_cast<void*>(kMapped), kMappedBytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
      give_up();
    shared_->target = getpid();
    char byte;
    if (read(go_[0], &byte, 1) == 1) execl("/bin/sleep", "sleep", "60", nullptr);
    _exit(1);
  }
  std::vector<char> in(1 << 18), out(1 << 17);
  for (;;) {
    if (read(device, in.data(), in.size()) <= 0) continue;
    fuse_in_header request;
    memcpy(&request, in.data(), sizeof(request));
    std::fill(out.begin(), out.begin() + 1024, 0);
    char* body = out.data() + sizeof(fuse_out_header);
    size_t length = 0;
    int error = 0;
    fuse_attr attributes{};
    attributes.ino = request.nodeid;
    attributes.nlink = 1;
    attributes.mode = request.nodeid == 1 ? 040755 : 0100755;
    attributes.size = kMappedBytes;
    switch (request.opcode) {
      case FUSE_INIT: {
        const fuse_init_out init{.major = 7,
                                 .minor = 31,
                                 .max_readahead = 4096,
                                 .flags = 0,
                                 .max_background = 0,
                                 .congestion_threshold = 0,
                                 .max_write = 65536};
        memcpy(body, &init, length = sizeof(init));
        break;
      }
      case FUSE_LOOKUP: {
        fuse_entry_out entry{};
        entry.nodeid = attributes.ino = 2;
        attributes.mode = 0100755;
        entry.attr = attributes;
        memcpy(body, &entry, length = sizeof(entry));
        break;
      }
      case FUSE_GETATTR: {
        fuse_attr_out answer{};
        answer.attr = attributes;
        memcpy(body, &answer, length = sizeof(answer));
        break;
      }
      case FUSE_OPEN:
      case FUSE_OPENDIR:
        length = sizeof(fuse_open_out);
        break;
      case FUSE_FLUSH:
        shared_->flush_hangs = true;
        continue;  // never answered
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        continue;  // not to be answered
      default:
        error = -ENOSYS;
    }
    const fuse_out_header header{
        .len = static_cast<uint32_t>(sizeof(fuse_out_header) + length), .error = error, .unique = request.unique};
    memcpy(out.data(), &header, sizeof(header));
    if (write(device, out.data(), header.len) < 0 && errno == ENODEV) _exit(0);
  }
}

}  // namespace splitprof
