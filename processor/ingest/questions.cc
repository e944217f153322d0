// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/questions.h"

namespace splitprof {

void Questions::ask(Question question, Handler handler) {
  const Ticket ticket = next_ticket_++;
  handlers_.emplace(ticket, std::move(handler));
  input_.ask(ticket, std::move(question));
}

void Questions::tell(Question question) {
  input_.ask(next_ticket_++, std::move(question));
}

void Questions::on_answer(AnswerEvent event) {
  const auto found = handlers_.find(event.ticket);
  if (found == handlers_.end()) return;  // to something that was told, not asked
  const auto handler = std::move(found->second);
  handlers_.erase(found);
  handler(std::move(event.answer));
}

}  // namespace splitprof
