// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/proto_reader.h"

#include "processor/otlp/fields.h"

namespace splitprof::otlp {

std::string AttributeReader::read_text(protozero::data_view view) const {
  budget_.spend(view.size());
  return std::string(text(view));
}

void AttributeReader::read_resource(protozero::data_view view, otel::Resource& out) const {
  using Field = field::Resource;
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case sized(Field::attributes):
        read_attribute(reader.get_view(), out.attributes, 0);
        break;
      case varint(Field::dropped_attributes_count):
        out.dropped_attributes = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
}

void AttributeReader::read_scope(protozero::data_view view, otel::Scope& out) const {
  using Field = field::Scope;
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case sized(Field::name):
        out.name = read_text(reader.get_view());
        break;
      case sized(Field::version):
        out.version = read_text(reader.get_view());
        break;
      case sized(Field::attributes):
        read_attribute(reader.get_view(), out.attributes, 0);
        break;
      case varint(Field::dropped_attributes_count):
        out.dropped_attributes = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
}

void AttributeReader::read_attribute(protozero::data_view view, otel::Attributes& out, unsigned depth) const {
  using Field = field::KeyValue;
  auto& attribute = append(out, budget_);
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case sized(Field::key):
        attribute.key = read_text(reader.get_view());
        break;
      case varint(Field::key_strindex): {
        const auto key = strings_[reader.get_int32()];
        budget_.spend(key.size());
        attribute.key = key;
        break;
      }
      case sized(Field::value):
        read_value(reader.get_view(), attribute.value, depth);
        break;
      default:
        reader.skip();
    }
}

void AttributeReader::read_value(protozero::data_view view, otel::Value& out, unsigned depth) const {
  using Field = field::AnyValue;
  if (depth >= otel::kMaxValueDepth)
    throw Refused(fail(Errc::unsupported, "a value is nested deeper than {}", otel::kMaxValueDepth));
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case sized(Field::string_value):
        out.v = read_text(reader.get_view());
        break;
      case varint(Field::bool_value):
        out.v = reader.get_bool();
        break;
      case varint(Field::int_value):
        out.v = reader.get_int64();
        break;
      case fixed64(Field::double_value):
        out.v = reader.get_double();
        break;
      case sized(Field::bytes_value):
        out.v = otel::Bytes{read_text(reader.get_view())};
        break;
      case varint(Field::string_value_strindex): {
        const auto value = strings_[reader.get_int32()];
        budget_.spend(value.size());
        out.v = std::string(value);
        break;
      }
      case sized(Field::array_value): {
        auto& values = out.v.emplace<otel::Value::Array>();
        for (Reader<field::ArrayValue> list(reader.get_view()); list.next();)
          if (list.tag_and_type() == sized(field::ArrayValue::values))
            read_value(list.get_view(), append(values, budget_), depth + 1);
          else
            list.skip();
        break;
      }
      case sized(Field::kvlist_value): {
        auto& map = out.v.emplace<otel::Value::Map>();
        for (Reader<field::KeyValueList> list(reader.get_view()); list.next();)
          if (list.tag_and_type() == sized(field::KeyValueList::values))
            read_attribute(list.get_view(), map, depth + 1);
          else
            list.skip();
        break;
      }
      default:
        reader.skip();
    }
}

}  // namespace splitprof::otlp
