# SPDX-License-Identifier: Apache-2.0
@0xb1a7c0de5e9d2f01;
# What the sampler writes into the shared-memory ring: one message a record, root `Record`.
#
# The sampler fills these from its own structs; it neither parses nor follows a value that a profiled process chose.
# The reader copies a record out of shared memory before it looks at it. Bounds are those of bpf/abi.h; a record is at
# most 128 KiB. Fields are added, never renumbered. Names are bytes with a length: unchecked, not terminated.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("splitprof::schema");

struct Record {
  union {
    sample @0 :Sample;
    process @1 :ProcessEvent;
    loss @2 :Loss;
    clockSync @3 :ClockSync;
    kernelSymbolsChanged @4 :KernelSymbolsChanged;
  }
}

enum SampleKind {
  onCpu @0;
  offCpu @1;
  probe @2;
}

struct Sample {
  timeNs @0 :UInt64;           # CLOCK_MONOTONIC
  walkNs @1 :UInt64;           # time spent in BPF for this sample
  process @2 :UInt64;          # key for Session.process; 0: none (a kernel thread, or a process that had ended already)
  startTimeNs @3 :UInt64;      # of the process, CLOCK_BOOTTIME
  cgroupId @4 :UInt64;         # of the unified hierarchy; 0: unknown
  value @5 :UInt64;            # on-CPU: 1; off-CPU: nanoseconds
  pid @6 :UInt32;              # thread group id, host's namespace
  tid @7 :UInt32;
  cpu @8 :UInt32;
  flags @9 :UInt16;            # enum sp_sample_flags of bpf/abi.h
  end @10 :UInt16;             # why the user walk ended: number in bpf/counters.def
  kind @11 :SampleKind;
  comm @12 :Data;              # at most 16 bytes
  kernelFrames @13 :List(UInt64);  # leaf first, at most 127 addresses
  userFrames @14 :List(UInt64);
  # Leaf first. Each frame is a header word (kind 8 bits, number of words 8, flags 16, extra 32) and its words. A
  # reader skips and counts kinds that it does not know. At most 8,196 words.
  labels @15 :List(Label);     # at most 16
  registers @16 :List(UInt64); # of the leaf, DWARF order, the program counter last (x86-64: 17 of them); or empty
  stackAddress @17 :UInt64;    # the leaf's stack pointer
  stack @18 :Data;
  # At most 32 KiB from stackAddress on, up to the first page that could not be read; or empty. Registers and stack come
  # with samples whose walk ended for want of a table: `userFrames` is then as far as it came, from the same leaf.
}

struct Label {
  key @0 :Data;                # at most 64 bytes
  value @1 :Data;              # at most 256 bytes
}

struct ProcessEvent {
  # From the side band. Time-ordered per CPU only: the reader orders.
  timeNs @0 :UInt64;           # CLOCK_MONOTONIC
  pid @1 :UInt32;
  tid @2 :UInt32;
  process @3 :UInt64;          # as in Sample, 0 when the process was never sampled
  union {
    exec :group { key @4 :UInt64; comm @15 :Data; }  # key for Session.executable; 0: the file was not taken
    fork :group { parentPid @5 :UInt32; parentTid @16 :UInt32; }
    exit @6 :Void;             # of the thread `tid`; of the process when tid == pid
    comm @7 :Data;             # at most 16 bytes
    mapping :group {           # an executable mapping was added
      start @8 :UInt64;
      length @9 :UInt64;
      fileOffset @10 :UInt64;
      deviceMajor @11 :UInt32;
      deviceMinor @12 :UInt32;
      inode @13 :UInt64;
      inodeGeneration @14 :UInt64;
      path @17 :Data;          # at most 4,096 bytes, as the kernel shows it
    }
    taken :group { key @18 :UInt64; }
    # The executable of the program that `pid` began at or before `timeNs` was opened: for Session.executable, which
    # keeps it for 2 s. Comes after the exec event and its mappings in time, and at most once for a program.
  }
}

struct Loss {
  # Something that should stand before this record does not.
  timeNs @0 :UInt64;           # CLOCK_MONOTONIC, when it was noticed
  cpu @1 :UInt32;              # for sideBand
  count @2 :UInt64;            # since the last such record
  reason @3 :LossReason;
}

enum LossReason {
  bpfRing @0;                  # samples: the BPF ring was full
  sharedRing @1;               # records of any kind: this ring was full
  sideBand @2;                 # process events of one CPU: mappings of its processes may have changed unseen
  noClient @3;                 # samples taken while nobody was connected
}

struct ClockSync {
  # One moment on three clocks, every minute and after a step.
  monotonicNs @0 :UInt64;
  realtimeNs @1 :UInt64;
  boottimeNs @2 :UInt64;
}

struct KernelSymbolsChanged {
  timeNs @0 :UInt64;           # CLOCK_MONOTONIC: a module or BPF program came or went
}
