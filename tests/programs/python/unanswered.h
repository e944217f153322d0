/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a page fault waits for and nobody ever answers, for hostile.c: by userfaultfd, and by a file system
 * (FUSE) of this process's own that answers everything but reads. Where that is not allowed the program exits with 77.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNANSWERED_BYTES = 4096 };

static void give_up(const char* what) {
  perror(what);
  exit(77);
}

/* Reads of /proc/PID/mem fail at once, process_vm_readv() waits. */
static char* unanswered_fault(void) {
  char* page = mmap(0, UNANSWERED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register all = {.range = {(uintptr_t)page, UNANSWERED_BYTES}, .mode = UFFDIO_REGISTER_MODE_MISSING};

  if (page == MAP_FAILED || fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &all))
    give_up("userfaultfd");
  return page;
}

/* Answers what opening the one file takes. */
static void* serve(void* argument) {
  const int device = *(int*)argument;
  static char in[1 << 17];

  while (read(device, in, sizeof in) > 0 || errno == EINTR || errno == ENOENT) {
    const struct fuse_in_header* asked = (const void*)in;
    const int is_root = asked->nodeid == FUSE_ROOT_ID && asked->opcode != FUSE_LOOKUP;
    const struct fuse_attr attributes = {.ino = is_root ? 1 : 2,
                                         .size = UNANSWERED_BYTES,
                                         .nlink = 1,
                                         .blksize = 4096,
                                         .mode = is_root ? 040755 : 0100644};
    struct {
      struct fuse_out_header header;
      union {
        struct fuse_init_out init;
        struct fuse_entry_out entry;
        struct fuse_attr_out attributes;
        struct fuse_open_out open;
      };
    } out = {.header = {.unique = asked->unique}};
    size_t bytes = 0;

    switch (asked->opcode) {
      case FUSE_READ:
      case FUSE_FORGET:
        continue;
      case FUSE_INIT:
        out.init.major = 7;
        out.init.minor = 31;
        out.init.max_write = 1 << 16;
        bytes = sizeof out.init;
        break;
      case FUSE_LOOKUP:
        out.entry = (struct fuse_entry_out){.nodeid = 2, .entry_valid = 60, .attr = attributes};
        bytes = sizeof out.entry;
        break;
      case FUSE_GETATTR:
        out.attributes.attr = attributes;
        bytes = sizeof out.attributes;
        break;
      case FUSE_OPEN:
        bytes = sizeof out.open;
        break;
      default:
        out.header.error = -ENOSYS;
    }
    out.header.len = (uint32_t)(sizeof out.header + bytes);
    if (write(device, &out, out.header.len) < 0 && errno != ENOENT) break;
  }
  return 0;
}

/* Reads of /proc/PID/mem wait, and no signal ends them before this process ends. */
static char* unanswered_read(void) {
  static int device;
  static char folder[] = "/tmp/unanswered-XXXXXX";
  char text[64], *page;
  pthread_t server;
  int fd;

  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(text, sizeof text, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
  if (device < 0 || unshare(CLONE_NEWNS) || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0) || !mkdtemp(folder))
    give_up("/dev/fuse");
  if (mount("unanswered", folder, "fuse", MS_NOSUID | MS_NODEV, text)) {
    rmdir(folder);
    give_up("mount");
  }
  if (pthread_create(&server, 0, serve, &device)) exit(1);
  snprintf(text, sizeof text, "%s/file", folder);
  fd = open(text, O_RDONLY | O_CLOEXEC);
  umount2(folder, MNT_DETACH); /* what is open stays */
  rmdir(folder);
  if (fd < 0) give_up(text);
  page = mmap(0, UNANSWERED_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
  if (page == MAP_FAILED) give_up("mmap");
  close(fd); /* waits for an answer, too: not when nobody serves any more */
  return page;
}
