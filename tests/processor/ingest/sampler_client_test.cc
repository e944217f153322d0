// SPDX-License-Identifier: Apache-2.0
//
// The client against a real RPC server over the same schema, on a thread of its own: descriptors, ring, answers,
// refusals, and what happens when the other side goes away.
#include "processor/ingest/sampler_client.h"

#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/thread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>

#include "processor/ingest/record.h"
#include "schema/sampler.capnp.h"
#include "shared/ring.h"
#include "tests/processor/build_record.h"

namespace splitprof {
namespace {

class File final : public schema::OpenFile::Server {
 public:
  explicit File(int fd) : fd_(fd) {}
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  kj::AutoCloseFd fd_;
};

int memory_file(std::string_view text) {
  const int fd = memfd_create("listing", MFD_CLOEXEC);
  KJ_ASSERT(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  lseek(fd, 0, SEEK_SET);
  return fd;
}

// What the server was told, and the ring that it writes.
struct Served {
  std::vector<uint32_t> rows;  // of the table, all calls together
  std::vector<uint16_t> counts;
  size_t add_rows_calls = 0;
  size_t most_rows_in_a_call = 0;
  size_t mappings = 0;
  std::atomic<unsigned> tables_dropped = 0;
  std::optional<RingWriter> ring;
  int wakeup = -1;  // the writer's end
};

class Table final : public schema::UnwindTable::Server {
 public:
  explicit Table(Served& served) : served_(served) {}
  ~Table() noexcept { ++served_.tables_dropped; }
  kj::Promise<void> addRows(AddRowsContext context) override {
    const auto params = context.getParams();
    for (const auto row : params.getRows()) served_.rows.push_back(row);
    for (const auto count : params.getCounts()) served_.counts.push_back(count);
    ++served_.add_rows_calls;
    served_.most_rows_in_a_call = std::max<size_t>(served_.most_rows_in_a_call, params.getRows().size());
    return kj::READY_NOW;
  }
  kj::Promise<void> commit(CommitContext context) override {
    context.getResults().setId(77);
    return kj::READY_NOW;
  }

 private:
  Served& served_;
};

class Tables final : public schema::UnwindTables::Server {
 public:
  explicit Tables(Served& served) : served_(served) {}
  kj::Promise<void> install(InstallContext context) override {
    KJ_REQUIRE(context.getParams().getRules().size() <= SP_MAX_RULES_PER_EXECUTABLE, "too many rules");
    context.getResults().setTable(kj::heap<Table>(served_));
    return kj::READY_NOW;
  }

 private:
  Served& served_;
};

class ServedProcess final : public schema::Process::Server {
 public:
  explicit ServedProcess(Served& served) : served_(served) {}
  kj::Promise<void> mappings(MappingsContext context) override {
    context.getResults().setMaps(kj::heap<File>(memory_file("the listing")));
    return kj::READY_NOW;
  }
  kj::Promise<void> describe(DescribeContext context) override {
    auto results = context.getResults();
    results.setCgroup(as_data("0::/x\n"));
    results.setExecutableLink(as_data("/bin/x"));
    results.setStartTimeNs(5);
    return kj::READY_NOW;
  }
  kj::Promise<void> openMapping(OpenMappingContext context) override {
    KJ_REQUIRE(context.getParams().getStart() == 0x1000 && context.getParams().getEnd() == 0x2000, "other mapping");
    context.getResults().setFile(kj::heap<File>(memory_file("ELF")));
    return kj::READY_NOW;
  }
  kj::Promise<void> memory(MemoryContext) override { return KJ_EXCEPTION(OVERLOADED, "the target does not answer"); }
  kj::Promise<void> environment(EnvironmentContext context) override {
    context.getResults().setEnvironment(as_data(std::string_view("SECRET=x\0REGION=eu\0", 19)));
    return kj::READY_NOW;
  }
  kj::Promise<void> setMappings(SetMappingsContext context) override {
    served_.mappings = context.getParams().getMappings().size();
    return kj::READY_NOW;
  }

 private:
  Served& served_;
};

class ServedSession final : public schema::Session::Server {
 public:
  explicit ServedSession(Served& served) : served_(served) {}
  kj::Promise<void> configure(ConfigureContext) override { return kj::READY_NOW; }
  kj::Promise<void> ring(RingContext context) override {
    served_.ring.emplace(std::move(RingWriter::create(256 << 10)).value());
    int ends[2];
    KJ_SYSCALL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    served_.wakeup = ends[0];
    auto results = context.getResults();
    results.setData(kj::heap<File>(dup(served_.ring->data_fd())));
    results.setPosition(kj::heap<File>(dup(served_.ring->position_fd())));
    results.setWakeup(kj::heap<File>(ends[1]));
    return kj::READY_NOW;
  }
  kj::Promise<void> host(HostContext context) override {
    auto host = context.getResults().initHost();
    host.setHostName("here");
    host.setKernelBuildId(as_data("\x01\xfe"));
    auto module = host.initModules(1)[0];
    module.setName("ext4");
    module.setBuildId(as_data("\x0a"));
    return kj::READY_NOW;
  }
  kj::Promise<void> process(ProcessContext context) override {
    if (context.getParams().getKey() != 1) return KJ_EXCEPTION(DISCONNECTED, "no such key");
    context.getResults().setProcess(kj::heap<ServedProcess>(served_));
    return kj::READY_NOW;
  }
  kj::Promise<void> unwindTables(UnwindTablesContext context) override {
    context.getResults().setTables(kj::heap<Tables>(served_));
    return kj::READY_NOW;
  }

 private:
  Served& served_;
};

class ServedSampler final : public schema::Sampler::Server {
 public:
  explicit ServedSampler(Served& served) : served_(served) {}
  kj::Promise<void> connect(ConnectContext context) override {
    KJ_REQUIRE(context.getParams().getVersion() == 1, "version");
    context.getResults().setSession(kj::heap<ServedSession>(served_));
    context.getResults().setVersion(1);
    return kj::READY_NOW;
  }

 private:
  Served& served_;
};

// Serves until stop(), then closes the connection.
class Server {
 public:
  Server() {
    int ends[2];
    KJ_SYSCALL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    client_end = kj::AutoCloseFd(ends[0]);
    thread_ = kj::heap<kj::Thread>([this, fd = ends[1]] { serve(fd); });
  }
  ~Server() noexcept { stop(); }
  void stop() {
    if (stopped_) return;
    stopped_ = true;
    stop_promise_.get_future().get()->executeSync([this] { (*stop_)->fulfill(); });
    thread_ = nullptr;
  }
  kj::AutoCloseFd client_end;
  Served served;

 private:
  void serve(int fd) {
    auto io = kj::setupAsyncIo();
    auto stop = kj::newPromiseAndFulfiller<void>();
    stop_ = &stop.fulfiller;
    auto stream = io.lowLevelProvider->wrapUnixSocketFd(kj::AutoCloseFd(fd));
    capnp::TwoPartyVatNetwork network(*stream, 4, capnp::rpc::twoparty::Side::SERVER);
    auto rpc = capnp::makeRpcServer(network, schema::Sampler::Client(kj::heap<ServedSampler>(served)));
    stop_promise_.set_value(kj::getCurrentThreadExecutor().addRef());
    stop.promise.wait(io.waitScope);
  }
  std::promise<kj::Own<const kj::Executor>> stop_promise_;
  kj::Own<kj::PromiseFulfiller<void>>* stop_ = nullptr;
  kj::Own<kj::Thread> thread_;
  bool stopped_ = false;
};

class SamplerClientTest : public testing::Test {
 protected:
  SamplerClientTest() : client(kj::mv(server.client_end), {.workers = {}, .take_signals = false}) {}

  template <typename T>
  T next() {
    for (;;) {
      auto event = client.next();
      if (auto* wanted = std::get_if<T>(&event)) return std::move(*wanted);
      if (++ticks > 100) throw std::runtime_error("ten seconds without it");
    }
  }
  AnswerEvent ask(Question question) {
    client.ask(++ticket, std::move(question));
    auto answer = next<AnswerEvent>();
    EXPECT_EQ(answer.ticket, ticket);
    return answer;
  }

  Server server;
  SamplerClient client;
  Ticket ticket = 0;
  unsigned ticks = 0;
};

TEST_F(SamplerClientTest, AnswersEachQuestionWithWhatItPromises) {
  auto maps = ask(AskMappings{ProcessKey(1)});
  ASSERT_TRUE(maps.answer) << maps.answer.error().message;
  EXPECT_EQ(std::get<Text>(*maps.answer).bytes, "the listing");
  auto description = ask(AskDescription{ProcessKey(1)});
  ASSERT_TRUE(description.answer);
  EXPECT_EQ(std::get<Description>(*description.answer).executable_link, "/bin/x");
  auto file = ask(AskMappedFile{ProcessKey(1), RuntimeAddress(0x1000), RuntimeAddress(0x2000)});
  ASSERT_TRUE(file.answer) << file.answer.error().message;
  auto& opened = std::get<std::unique_ptr<ReadableFile>>(*file.answer);
  std::array<std::byte, 8> bytes{};
  EXPECT_EQ(*opened->read_at(0, bytes), 3u);
  EXPECT_EQ(opened->identity().size, 3u);
  ASSERT_TRUE(ask(Configure{.hz = 20}).answer);
  auto host = ask(AskHost{});
  ASSERT_TRUE(host.answer) << host.answer.error().message;
  EXPECT_EQ(std::get<Host>(*host.answer).host_name, "here");
  EXPECT_EQ(std::get<Host>(*host.answer).kernel_build_id, "01fe");
  EXPECT_EQ(std::get<Host>(*host.answer).modules, (decltype(Host::modules){{"ext4", "0a"}}));
}

TEST_F(SamplerClientTest, OfAnEnvironmentOnlyWhatWasAskedForComesThrough) {
  auto variables = ask(AskEnvironment{ProcessKey(1), {"REGION", "ABSENT"}});
  ASSERT_TRUE(variables.answer) << variables.answer.error().message;
  EXPECT_EQ(std::get<Text>(*variables.answer).bytes, std::string_view("REGION=eu\0", 10));
}

TEST_F(SamplerClientTest, ARefusalIsAnAnswerWithItsKind) {
  EXPECT_EQ(ask(AskMemory{ProcessKey(1)}).answer.error().code, Errc::timed_out);
  EXPECT_EQ(ask(AskMappings{ProcessKey(2)}).answer.error().code, Errc::gone);
  EXPECT_EQ(ask(AskCounters{}).answer.error().code, Errc::unsupported);
  ASSERT_TRUE(ask(AskMappings{ProcessKey(1)}).answer);  // the connection is as good as before
}

TEST_F(SamplerClientTest, ATableGoesInPiecesOfWholePages) {
  InstallTable table;
  table.rules = {1, 2, 3};
  for (int page = 0; page < 10; ++page) {
    const auto count = static_cast<uint16_t>(page == 3 ? 0 : 30'000 + page);
    table.counts.push_back(count);
    for (uint32_t i = 0; i < count; ++i) table.rows.push_back(i);
  }
  const auto rows = table.rows;
  const auto counts = table.counts;
  const auto installed = ask(std::move(table));
  ASSERT_TRUE(installed.answer) << installed.answer.error().message;
  EXPECT_EQ(std::get<InstalledTable>(*installed.answer).id, 77u);
  EXPECT_EQ(server.served.rows, rows);
  EXPECT_EQ(server.served.counts, counts);
  EXPECT_LE(server.served.most_rows_in_a_call, 65'536u);
  EXPECT_EQ(server.served.add_rows_calls, 5u);  // two pages fit in each
  EXPECT_EQ(server.served.tables_dropped, 0u);
  client.ask(999, RemoveTable{77});
  ASSERT_TRUE(ask(SetMappings{ProcessKey(1), {{RuntimeAddress(0x1000), 0x1000, 0, 77}}}).answer);
  EXPECT_EQ(server.served.mappings, 1u);
  for (int i = 0; i < 50 && server.served.tables_dropped == 0; ++i) next<TickEvent>();
  EXPECT_EQ(server.served.tables_dropped, 1u);
}

TEST_F(SamplerClientTest, RecordsComeInTheirOrderAndWakeIt) {
  auto& ring = *server.served.ring;
  uint64_t written = 0;
  auto write_records = [&](int n) {
    for (int i = 0; i < n; ++i) {
      const auto words = build_sample({.time_ns = ++written});
      const auto slot = ring.reserve(words.size());
      ASSERT_FALSE(slot.empty());
      std::copy(words.begin(), words.end(), slot.begin());
      ring.commit(words.size(), kFormatSampleRecord);
      if (ring.should_wake()) {
        ASSERT_EQ(send(server.served.wakeup, "", 1, MSG_DONTWAIT), 1);
      }
    }
  };
  uint64_t expected = 0;
  for (const int n : {1, 500, 1, 64, 65, 3}) {
    write_records(n);
    for (int i = 0; i < n; ++i) {
      const auto event = next<RecordEvent>();
      EXPECT_EQ(event.format, kFormatSampleRecord);
      Record record;
      ASSERT_TRUE(decode_record(event.format, event.message, record));
      EXPECT_EQ(std::get<SampleRecord>(record).time_ns, ++expected);
    }
    next<TickEvent>();
    ASSERT_TRUE(ring.collect_consumed());
    EXPECT_EQ(ring.consumed_samples(), expected);
  }
}

TEST_F(SamplerClientTest, SaysThatTheSamplerIsGoneAndAnswersWhatWasOpen) {
  ASSERT_TRUE(ask(AskMappings{ProcessKey(1)}).answer);
  server.stop();
  next<DisconnectedEvent>();
  EXPECT_FALSE(ask(AskDescription{ProcessKey(1)}).answer);
}

TEST(ConnectTo, SaysWhatIsWrongWithAPath) {
  EXPECT_EQ(connect_to(std::string(200, 'x')).error().code, Errc::too_large);
  EXPECT_EQ(connect_to("/nonexistent/socket").error().code, Errc::io);
}

}  // namespace
}  // namespace splitprof
