// SPDX-License-Identifier: Apache-2.0
//
// UnwindTables and UnwindTable: typed, checked writes of rows.
#include <cstring>

#include "sampler/limits.h"
#include "sampler/link.h"

namespace splitprof {
namespace {

class TableServer final : public schema::UnwindTable::Server {
 public:
  TableServer(SharedLink link, std::unique_ptr<Table> table, uint16_t index)
      : link_(std::move(link)), table_(std::move(table)), index_(index) {}
  ~TableServer() noexcept(false) {
    const uint32_t id = table_->id();
    table_.reset();
    if (!link_->session) return;
    link_->session->remove_table(id);
    link_->session->give_back_table_index(index_);
  }

  kj::Promise<void> addRows(AddRowsContext context) override {
    link_->use();
    const auto params = context.getParams();
    const auto list = params.getRows();
    link_->require(list.size() <= kMaxRowsPerCall && params.getCounts().size() <= SP_MAX_PAGES, "too many rows");
    check(table_->add_rows(params.getPage(), copy<uint16_t>(params.getCounts()), copy<uint32_t>(list)));
    return kj::READY_NOW;
  }
  kj::Promise<void> commit(CommitContext context) override {
    auto& session = link_->use();
    const uint32_t id = check(table_->commit());
    session.add_table(id);
    link_->parts.counters.add(SamplerCounter::tables_installed);
    context.getResults().setId(id);
    return kj::READY_NOW;
  }

 private:
  template <typename T>
  T check(Result<T> result) {
    if (result) return std::move(result).value();
    if (result.error().code == Errc::malformed) link_->violation(result.error().message);
    link_->parts.counters.add(SamplerCounter::tables_refused);
    kj::throwFatalException(exception_of(result.error()));
  }

  SharedLink link_;
  std::unique_ptr<Table> table_;
  uint16_t index_;
};

class TablesServer final : public schema::UnwindTables::Server {
 public:
  explicit TablesServer(SharedLink link) : link_(std::move(link)) {}

  kj::Promise<void> install(InstallContext context) override {
    auto& session = link_->use();
    const auto params = context.getParams();
    const auto index = session.take_table_index();
    if (!index) kj::throwFatalException(exception_of(fail(Errc::too_large, "all unwind tables are in use")));
    auto& parts = link_->parts;
    auto table = std::make_unique<Table>(parts.arena, parts.rules, parts.programs.executables_fd(), *index);
    std::vector<sp_rule> rules;
    link_->require(params.getRules().size() <= SP_MAX_RULES_PER_EXECUTABLE, "too many rules");
    for (uint64_t value : params.getRules()) {
      sp_rule rule;
      std::memcpy(&rule, &value, sizeof rule);
      rules.push_back(rule);
    }
    auto begun = table->begin(rules, params.getFirstPage(), params.getPages());
    auto server = kj::heap<TableServer>(link_, std::move(table), *index);
    if (!begun && begun.error().code == Errc::malformed) link_->violation(begun.error().message);
    if (!begun) parts.counters.add(SamplerCounter::tables_refused);
    value_or_throw(std::move(begun));
    context.getResults().setTable(kj::mv(server));
    return kj::READY_NOW;
  }

 private:
  SharedLink link_;
};

}  // namespace

kj::Own<schema::UnwindTables::Server> make_tables_server(SharedLink link) {
  return kj::heap<TablesServer>(std::move(link));
}

}  // namespace splitprof
