// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/upload.h"

namespace splitprof {

void Upload::install(InstallTable table, std::function<void(Result<InstalledTable>)> done) {
  questions_.ask(std::move(table), [this, done = std::move(done)](Result<AnswerValue> answer) {
    auto installed = answer_as<InstalledTable>(std::move(answer));
    ++(installed ? metrics_.tables_accepted : metrics_.tables_install_failed);
    done(std::move(installed));
  });
}

void Upload::remove(uint32_t table) {
  ++metrics_.tables_removed;
  questions_.tell(RemoveTable{table});
}

void Upload::set_mappings(ProcessKey process, std::vector<TableMapping> mappings) {
  if (const auto found = on_their_way_.find(process); found != on_their_way_.end()) {
    found->second = std::move(mappings);
    return;
  }
  on_their_way_.emplace(process, std::nullopt);
  send(process, std::move(mappings));
}

void Upload::send(ProcessKey process, std::vector<TableMapping> mappings) {
  questions_.ask(SetMappings{process, std::move(mappings)},
                 [this, process](Result<AnswerValue> answer) { on_set(process, answer); });
}

void Upload::on_set(ProcessKey process, const Result<AnswerValue>& answer) {
  ++(answer ? metrics_.lists_set : metrics_.lists_set_failed);
  const auto found = on_their_way_.find(process);
  auto next = std::move(found->second);
  if (!next || (!answer && answer.error().code == Errc::gone)) {
    on_their_way_.erase(found);
    return;
  }
  found->second.reset();
  send(process, std::move(*next));
}

}  // namespace splitprof
