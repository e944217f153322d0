// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/status.h"

#include "processor/otlp/fields.h"
#include "processor/otlp/json_reader.h"
#include "processor/otlp/json_writer.h"
#include "processor/otlp/proto_reader.h"
#include "processor/otlp/proto_writer.h"

namespace splitprof::otlp {
namespace {

constexpr size_t kMaxMessageBytes = 1024;  // of a server's words; they go into the log

std::string shortened(std::string_view text) {
  return std::string(text.substr(0, kMaxMessageBytes));
}

PartialSuccess partial_success_from_proto(std::string_view body) {
  using Field = field::PartialSuccess;
  PartialSuccess out;
  for (Reader<field::ExportResponse> response(protozero::data_view(body.data(), body.size())); response.next();) {
    if (response.tag_and_type() != sized(field::ExportResponse::partial_success)) {
      response.skip();
      continue;
    }
    for (Reader<Field> reader(response.get_view()); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::rejected):
          out.rejected = reader.get_int64();
          break;
        case sized(Field::error_message):
          out.message = shortened(text(reader.get_view()));
          break;
        default:
          reader.skip();
      }
  }
  return out;
}

PartialSuccess partial_success_from_json(std::string_view body) {
  PartialSuccess out;
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document = parser.iterate(padded);
  for_each_member(document, [&](JsonKey key, JsonValue value) {
    if (!key.is("partialSuccess")) return;
    for_each_member(value, [&](JsonKey name, JsonValue inner) {
      if (name.is("rejectedProfiles") || name.is("rejectedDataPoints")) out.rejected = integer64(inner);
      if (name.is("errorMessage")) out.message = shortened(inner.get_string());
    });
  });
  return out;
}

std::string message_from_proto(std::string_view body) {
  std::string out;
  for (Reader<field::Status> reader(protozero::data_view(body.data(), body.size())); reader.next();)
    if (reader.tag_and_type() == sized(field::Status::message))
      out = shortened(text(reader.get_view()));
    else
      reader.skip();
  return out;
}

std::string message_from_json(std::string_view body) {
  std::string out;
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document = parser.iterate(padded);
  for_each_member(document, [&](JsonKey key, JsonValue value) {
    if (key.is("message")) out = shortened(value.get_string());
  });
  return out;
}

}  // namespace

std::string encode_status(RpcCode code, std::string_view message, Encoding encoding) {
  std::string buffer;
  if (encoding == Encoding::json) {
    JsonWriter out(buffer);
    out.begin_object();
    out.key("code");
    out.number(static_cast<int>(code));
    out.key("message");
    out.text(message);
    out.end_object();
  } else {
    Writer<field::Status> out(buffer);
    put_int32(out, field::Status::code, static_cast<int>(code));
    put_text(out, field::Status::message, message);
  }
  return buffer;
}

std::string status_message(std::string_view body, Encoding encoding) {
  try {
    return encoding == Encoding::json ? message_from_json(body) : message_from_proto(body);
  } catch (const std::exception&) {
    return {};
  }
}

Result<PartialSuccess> decode_response(std::string_view body, Encoding encoding) {
  if (body.empty()) return PartialSuccess();
  try {
    return encoding == Encoding::json ? partial_success_from_json(body) : partial_success_from_proto(body);
  } catch (const std::exception& error) {
    return fail(Errc::malformed, "the answer is no OTLP response: {}", error.what());
  }
}

}  // namespace splitprof::otlp
