// SPDX-License-Identifier: Apache-2.0
#include "sampler/start/options.h"

#include <getopt.h>

#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bpf/abi.h"

namespace splitprof {
namespace {

constexpr const char* kHelp =
    R"(splitprof-sampler: the small, privileged half of splitprof. Owns the BPF programs, streams raw stacks to one
processor at a time over a shared-memory ring, and parses nothing that a profiled process controls.

usage: splitprof-sampler [options]

  --socket PATH          listen here (default /run/splitprof/sampler.sock); a socket from systemd comes first
  --connection-fd N      serve this inherited connected socket instead, and end with it
  --user NAME            become this user when started as root (default splitprof-sampler, else uid 61981)
  --allow-uid UID        let this user connect, besides the sampler's own and splitprof-processor; repeatable
  --allow-gid GID        let members of this group connect (primary group of the peer); repeatable
  --deny RULE            never look at exe=PATH, uid=N or cgroup=PATH; repeatable
  --file-system TYPE     open targets' files on this type of file system, too; repeatable
  --allow-environment    let the processor read targets' environment variables
  --exit-idle SECONDS    end after this long without a processor (default: never)
  --ring-size BYTES      of the ring to the processor, a power of two from 256 KiB (default 8388608)
  --arena-slots N        bound on unwind tables, 256 KiB each, 16 to 1024 (default 1024)
  --log-level LEVEL      debug, info (default), warn or error
  --help                 this text

It needs CAP_BPF and CAP_PERFMON; its zygote CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE and CAP_SYSLOG.
`splitprof check` says what this machine lacks and what mends it.
)";

[[noreturn]] void refuse(const char* option, const char* value, const char* why) {
  std::fprintf(stderr, "splitprof-sampler: --%s %s: %s\n", option, value, why);
  std::exit(2);
}

template <typename Number>
Number number(const char* option, const char* value, Number least, Number most) {
  Number parsed{};
  const char* end = value + std::strlen(value);
  const auto [after, error] = std::from_chars(value, end, parsed);
  if (error != std::errc() || after != end || parsed < least || parsed > most)
    refuse(option, value, "not a number in range; see --help");
  return parsed;
}

}  // namespace

SamplerOptions parse_options(int argc, char** argv) {
  static const option kOptions[] = {{"socket", required_argument, nullptr, 's'},
                                    {"connection-fd", required_argument, nullptr, 'c'},
                                    {"user", required_argument, nullptr, 'u'},
                                    {"allow-uid", required_argument, nullptr, 'U'},
                                    {"allow-gid", required_argument, nullptr, 'G'},
                                    {"deny", required_argument, nullptr, 'd'},
                                    {"file-system", required_argument, nullptr, 'f'},
                                    {"allow-environment", no_argument, nullptr, 'e'},
                                    {"exit-idle", required_argument, nullptr, 'x'},
                                    {"ring-size", required_argument, nullptr, 'r'},
                                    {"arena-slots", required_argument, nullptr, 'a'},
                                    {"log-level", required_argument, nullptr, 'l'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  SamplerOptions options;
  int index = 0;
  for (int choice; (choice = getopt_long(argc, argv, "", kOptions, &index)) != -1;) {
    const char* name = kOptions[index].name;
    switch (choice) {
      case 's':
        options.socket = optarg;
        break;
      case 'c':
        options.connection_fd = number<int>(name, optarg, 3, 1 << 20);
        break;
      case 'u':
        options.user = optarg;
        break;
      case 'U':
        options.allow_uids.push_back(number<uid_t>(name, optarg, 0, ~uid_t{1}));
        break;
      case 'G':
        options.allow_gids.push_back(number<gid_t>(name, optarg, 0, ~gid_t{1}));
        break;
      case 'd':
        if (auto added = add_deny_rule(options.deny, optarg); !added)
          refuse(name, optarg, added.error().message.c_str());
        break;
      case 'f':
        options.file_systems.emplace_back(optarg);
        break;
      case 'e':
        options.allow_environment = true;
        break;
      case 'x':
        options.exit_idle_s = number<uint32_t>(name, optarg, 1, 86400);
        break;
      case 'r':
        options.ring_bytes = number<size_t>(name, optarg, 256u << 10, 1u << 30);
        if (!std::has_single_bit(options.ring_bytes)) refuse(name, optarg, "not a power of two");
        break;
      case 'a':
        options.arena_slots = number<uint32_t>(name, optarg, 16, SP_ARENA_SLOTS);
        break;
      case 'l':
        if (const auto level = log::parse_level(optarg))
          options.log_level = *level;
        else
          refuse(name, optarg, "not a level; see --help");
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        std::exit(0);
      default:
        std::fputs("see splitprof-sampler --help\n", stderr);
        std::exit(2);
    }
  }
  if (optind < argc) refuse("", argv[optind], "not an option; see --help");
  return options;
}

}  // namespace splitprof
