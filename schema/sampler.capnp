# SPDX-License-Identifier: Apache-2.0
@0xb1a7c0de5e9d2f02;
# All that the processor may ask of the sampler. This file is the attack surface between the two, written so that it
# can be audited alone. Authority is an object that one holds: no call takes a pid or a path. Every bound stands in
# sampler/limits.h too; a request that breaks one ends the connection. Descriptors travel from sampler to processor
# only. Methods and fields are added, never renumbered.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("splitprof::schema");

interface Sampler {
  # What a connection begins with.

  connect @0 (version :UInt32, features :UInt64) -> (session :Session, version :UInt32, features :UInt64);
  # Starts a session. `version` is 1; `features` is a set of bits, none defined yet: each side uses what both have.
  # Fails as `overloaded` while another processor is connected, `unimplemented` when the versions do not fit.
}

interface OpenFile {
  # A descriptor that comes along as a capability's descriptor (SCM_RIGHTS), and nothing else.
}

interface Session {
  # Ends with the connection, and with it every table, list and runtime that it installed.

  configure @0 (hz :UInt32, cpus :List(UInt32), idle :Bool) -> ();
  # Samples each CPU of `cpus` (empty: all that are online) `hz` times a second of busy time, 1..1,000; 0 stops.
  # `idle` includes the idle task. May be called again.

  ring @1 () -> (data :OpenFile, position :OpenFile, wakeup :OpenFile);
  # The shared-memory ring of this session, made at the first call (docs/records.md). `data` can only be mapped
  # read-only; `position` holds the reader's position; a byte arrives on the socket `wakeup` when there are records.

  counters @2 () -> (counters :List(Counter));
  # Every counter of the sampler and of BPF, since the sampler started.

  host @3 () -> (host :Host);

  kernelSymbols @4 () -> (symbols :OpenFile);
  # /proc/kallsyms, opened with CAP_SYSLOG. `failed` when it cannot be opened.

  executable @5 (key :UInt64) -> (file :OpenFile);
  # The executable that was taken at an exec, by the key of the event `taken` (schema/records.capnp); held for 2 s, at
  # most 2,200 at a time, and may be asked for more than once. `failed` when it is gone or denied.

  process @6 (key :UInt64) -> (process :Process);
  # A process that was sampled, by the key that its records carry. `failed` for any other key.

  unwindTables @7 () -> (tables :UnwindTables);
}

struct Counter {
  name @0 :Text;               # of bpf/counters.def or sampler/counters.def
  value @1 :UInt64;
}

struct Host {
  bootId @0 :Text;
  machineId @1 :Text;          # empty when the host has none
  hostName @2 :Text;
  kernelRelease @3 :Text;
  kernelVersion @4 :Text;
  architecture @5 :Text;
  onlineCpus @6 :UInt32;
  kernelBuildId @7 :Data;      # at most 64 bytes; empty: unknown
  modules @8 :List(Module);
  samplerPids @9 :List(UInt32);  # of the sampler's own processes, to account for what they cost
  struct Module {
    name @0 :Text;
    buildId @1 :Data;
  }
}

interface Process {
  # A running program that was sampled. Holding this is the permission to look at it; it dies at exec and at exit:
  # then every call fails as `disconnected`. A target that does not answer within 250 ms: `overloaded`, and it is
  # refused for a minute.

  describe @0 () -> (cgroup :Data, commandLine :Data, executableLink :Data, startTimeNs :UInt64);
  # Raw bytes of /proc/PID/cgroup, cmdline (each at most 4 KiB) and of the link exe.

  mappings @1 () -> (maps :OpenFile);
  # /proc/PID/maps.

  memory @2 () -> (memory :OpenFile);
  # Read-only descriptor of this address space: silent (reads 0 bytes) once the process has exec'd or exited.

  openMapping @3 (start :UInt64, end :UInt64) -> (file :OpenFile);
  # The file behind the mapping [start, end), the right one even when it was deleted or lives in another mount
  # namespace. Only regular files of local file systems; `failed` names what was refused.

  openFile @4 (name :WellKnownFile, buildId :Data, fileName :Data, start :UInt64, end :UInt64) -> (file :OpenFile);
  # One of a short list of files in the target's own root. Of the arguments each file's comment names those it needs.

  environment @5 () -> (environment :Data);
  # Raw bytes, at most 64 KiB. Only where the sampler was started with --allow-environment.

  setMappings @6 (mappings :List(Mapping)) -> ();
  # Replaces the process's list. Sorted by start, not overlapping, at most 8,192.

  setRuntimes @7 (runtimes :List(Runtime)) -> ();
  # Replaces the interpreters of the process: where each keeps its state. At most 4.
}

enum WellKnownFile {
  perfMap @0;                  # /tmp/perf-PID.map
  debugFile @1;                # /usr/lib/debug/.build-id/xx/….debug, by `buildId`, 2 to 64 bytes
  debugLink @2;                # `fileName`, one component, at most 255 bytes, beside the file behind the mapping
                               # [start, end), in .debug/ there, or in that folder below /usr/lib/debug
  dwzFile @3;                  # /usr/lib/debug/.dwz/ and `fileName`, one component or two
}

struct Mapping {
  start @0 :UInt64;            # multiple of 4,096
  length @1 :UInt64;           # bytes, multiple of 4,096, at most 16 TiB
  bias @2 :UInt64;             # address in the process - address in the ELF file
  table @3 :UInt32;            # id of a table of this session; 0: none; 0xffffffff: not ready yet
}

struct Runtime {
  # One interpreter in a process: a struct sp_runtime of bpf/abi.h.

  kind @0 :UInt16;             # number of bpf/runtimes.def
  loops @1 :List(CodeRange);   # of its main loop; at most 4, sorted, not overlapping
  tlsAccess @2 :UInt8;         # enum sp_tls_access: how the thread's own variable is reached
  tlsValue @3 :UInt64;         # below 2^48; of an offset from -2^31 to 2^31; of a pair any: 48 bits are its address
  storage @4 :UInt8;           # enum sp_storage: how the C library keeps values of threads
  storageOffset @5 :Int64;     # -65,536 to 65,536
  fields @6 :List(UInt64);     # as many as the interpreter's list in bpf/ names, each in the range that stands there
  struct CodeRange {
    start @0 :UInt64;          # below 2^48
    length @1 :UInt64;         # bytes, 1 to 16 MiB
  }
}

interface UnwindTables {
  install @0 (rules :List(UInt64), firstPage :UInt64, pages :UInt32) -> (table :UnwindTable);
  # Begins a table for the ELF addresses [firstPage, firstPage + pages) * 64 KiB. A rule is a struct sp_rule of
  # bpf/abi.h, its bytes as a little-endian word; at most 4,096, each valid. `overloaded` when no room is left.
}

interface UnwindTable {
  # Dropping it removes the table from the kernel.

  addRows @0 (page :UInt32, counts :List(UInt16), rows :List(UInt32)) -> ();
  # Rows of the pages page, page + 1, … in ascending order over all calls. `counts` says how many of `rows` belong to
  # each; at most 32,768 a page, 65,536 rows a call. A row is offset | index into `rules` << 16; offsets ascend
  # strictly and begin with 0.

  commit @1 () -> (id :UInt32);
  # The table is complete; `id` goes into Mapping.table.
}
