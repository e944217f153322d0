// SPDX-License-Identifier: Apache-2.0
#include "processor/export/pprof.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <protozero/pbf_message.hpp>
#include <set>

#include "processor/export/folded.h"
#include "processor/export/pprof_fields.h"
#include "sample_profile.h"

namespace splitprof {
namespace {

// What a reader of the format finds.
struct Read {
  struct Location {
    uint64_t mapping = 0, address = 0;
    std::vector<uint64_t> functions;
  };
  struct Sample {
    std::vector<uint64_t> locations;
    std::vector<int64_t> values;
    std::string process;
    int64_t pid = 0;
  };
  std::vector<std::string> strings;
  std::vector<Sample> samples;
  std::map<uint64_t, Location> locations;
  std::map<uint64_t, std::string> functions;
  std::map<uint64_t, std::pair<std::string, std::string>> mappings;  // file and build id
  int64_t period = 0;
};

template <typename Field>
using Message = protozero::pbf_message<Field>;

Read::Sample read_sample(Message<pprof::Sample> in, const std::vector<std::string>& strings) {
  Read::Sample sample;
  while (in.next()) {
    if (in.tag() == pprof::Sample::packed_uint64_location_id) {
      for (const auto id : in.get_packed_uint64()) sample.locations.push_back(id);
    } else if (in.tag() == pprof::Sample::packed_int64_value) {
      for (const auto value : in.get_packed_int64()) sample.values.push_back(value);
    } else {
      Message<pprof::Label> label(in.get_message());
      std::string key;
      while (label.next()) {
        const auto number = label.get_int64();
        if (label.tag() == pprof::Label::int64_key) key = strings.at(static_cast<size_t>(number));
        if (label.tag() == pprof::Label::int64_str) sample.process = strings.at(static_cast<size_t>(number));
        if (label.tag() == pprof::Label::int64_num) sample.pid = number;
      }
      EXPECT_TRUE(key == "process" || key == "pid") << key;
    }
  }
  return sample;
}

void read_location(Message<pprof::Location> in, Read& read) {
  uint64_t id = 0;
  Read::Location location;
  while (in.next()) {
    if (in.tag() == pprof::Location::uint64_id)
      id = in.get_uint64();
    else if (in.tag() == pprof::Location::uint64_mapping_id)
      location.mapping = in.get_uint64();
    else if (in.tag() == pprof::Location::uint64_address)
      location.address = in.get_uint64();
    else {
      Message<pprof::Line> line(in.get_message());
      while (line.next()) {
        if (line.tag() == pprof::Line::uint64_function_id)
          location.functions.push_back(line.get_uint64());
        else
          line.skip();
      }
    }
  }
  EXPECT_TRUE(read.locations.emplace(id, location).second) << id;
}

void read_mapping(Message<pprof::Mapping> in, Read& read) {
  uint64_t id = 0;
  std::pair<std::string, std::string> names;
  while (in.next()) {
    if (in.tag() == pprof::Mapping::uint64_id)
      id = in.get_uint64();
    else if (in.tag() == pprof::Mapping::int64_filename)
      names.first = read.strings.at(static_cast<size_t>(in.get_int64()));
    else if (in.tag() == pprof::Mapping::int64_build_id)
      names.second = read.strings.at(static_cast<size_t>(in.get_int64()));
    else
      in.skip();
  }
  EXPECT_TRUE(read.mappings.emplace(id, names).second) << id;
}

void read_function(Message<pprof::Function> in, Read& read) {
  uint64_t id = 0;
  std::string name;
  while (in.next()) {
    if (in.tag() == pprof::Function::uint64_id)
      id = in.get_uint64();
    else if (in.tag() == pprof::Function::int64_name)
      name = read.strings.at(static_cast<size_t>(in.get_int64()));
    else
      in.skip();
  }
  EXPECT_TRUE(read.functions.emplace(id, name).second) << id;
}

Read read_pprof(const std::string& bytes) {
  Read read;
  for (Message<pprof::Profile> in(bytes); in.next(pprof::Profile::repeated_string_string_table);) {
    read.strings.push_back(in.get_string());
  }
  for (Message<pprof::Profile> in(bytes); in.next();) {
    switch (in.tag()) {
      case pprof::Profile::repeated_Sample_sample:
        read.samples.push_back(read_sample(Message<pprof::Sample>(in.get_message()), read.strings));
        break;
      case pprof::Profile::repeated_Location_location:
        read_location(Message<pprof::Location>(in.get_message()), read);
        break;
      case pprof::Profile::repeated_Mapping_mapping:
        read_mapping(Message<pprof::Mapping>(in.get_message()), read);
        break;
      case pprof::Profile::repeated_Function_function:
        read_function(Message<pprof::Function>(in.get_message()), read);
        break;
      case pprof::Profile::int64_period:
        read.period = in.get_int64();
        break;
      default:
        in.skip();
    }
  }
  return read;
}

std::string gunzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 4096> block;
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = block.size();
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(block.data(), block.size() - stream.avail_out);
  }
  EXPECT_EQ(state, Z_STREAM_END);
  inflateEnd(&stream);
  return out;
}

TEST(Pprof, HoldsTheProfileAndEveryReferenceLeadsSomewhere) {
  const auto sampled = test::large_profile(300);
  const Profile& profile = sampled->profile;
  const Names names(profile, sampled->symbolizer);
  const auto read = read_pprof(encode_pprof(profile, names, sampled->summary));
  EXPECT_EQ(read.strings.at(0), "");  // the format wants it
  EXPECT_EQ(read.period, 10000000);   // of 100 Hz
  ASSERT_EQ(read.samples.size(), profile.counts().size());
  for (size_t i = 0; i < read.samples.size(); ++i) {
    const TraceCount& count = profile.counts()[i];
    const auto& sample = read.samples[i];
    EXPECT_EQ(sample.values, (std::vector<int64_t>{static_cast<int64_t>(count.samples),
                                                   static_cast<int64_t>(count.samples) * 10000000}));
    EXPECT_EQ(sample.process, names.text(names.process(count.resource)));
    EXPECT_EQ(sample.pid, profile.resources()[count.resource].pid);
    const auto frames = profile.trace_frames(count.trace);
    ASSERT_EQ(sample.locations.size(), frames.size());
    for (size_t f = 0; f < frames.size(); ++f) {
      const auto& location = read.locations.at(sample.locations[f]);
      const auto lines = names.of(frames[f]);
      ASSERT_EQ(location.functions.size(), lines.size());
      for (size_t l = 0; l < lines.size(); ++l)
        EXPECT_EQ(read.functions.at(location.functions[l]), names.text(lines[l].text));
      if (location.mapping != 0) {
        EXPECT_EQ(read.mappings.at(location.mapping).first, names.text(names.modules()[lines[0].module].path));
      }
    }
  }
}

TEST(Pprof, NamesFilesAndBuildIds) {
  const auto sampled = test::small_profile();
  const auto read =
      read_pprof(encode_pprof(sampled->profile, Names(sampled->profile, sampled->symbolizer), sampled->summary));
  std::set<std::pair<std::string, std::string>> mappings;
  for (const auto& [id, names] : read.mappings) mappings.insert(names);
  EXPECT_TRUE(mappings.contains({"/usr/bin/web server", "c0ffee0123456789c0ffee0123456789c0ffee01"}));
  EXPECT_TRUE(mappings.contains({"[kernel]", ""}));
}

TEST(Pprof, IsOneGzipMember) {
  const auto sampled = test::large_profile(2000);
  const Names names(sampled->profile, sampled->symbolizer);
  const auto file = test::written([&](int fd) { return write_pprof(sampled->profile, names, sampled->summary, fd); });
  EXPECT_EQ(gunzip(file), encode_pprof(sampled->profile, names, sampled->summary));
}

TEST(Pprof, OfNoSampleIsValid) {
  test::Sampled sampled;
  const auto read =
      read_pprof(encode_pprof(sampled.profile, Names(sampled.profile, sampled.symbolizer), sampled.summary));
  EXPECT_TRUE(read.samples.empty());
  EXPECT_EQ(read.strings.at(0), "");
}

// The tool that the format belongs to agrees with us about every total.
TEST(Pprof, GoToolPprofShowsTheSameTotals) {
  if (std::system("command -v go >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "go is not installed: go tool pprof is not tried";
  const auto sampled = test::large_profile(1000);
  const Names names(sampled->profile, sampled->symbolizer);
  char folder[] = "/tmp/splitprof-pprof-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const auto path = std::string(folder) + "/profile.pb.gz";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_TRUE(write_pprof(sampled->profile, names, sampled->summary, fileno(file)).has_value());
  std::fclose(file);
  // Offline; Go's own cache stays where it is, as newer releases build their tools on first use.
  const auto command = "GOTOOLCHAIN=local GOPROXY=off PPROF_TMPDIR=" + std::string(folder) +
                       " go tool pprof -sample_index=samples -unit=count -traces " + path + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> block;
  while (const size_t n = std::fread(block.data(), 1, block.size(), pipe)) output.append(block.data(), n);
  EXPECT_EQ(pclose(pipe), 0) << output;
  std::filesystem::remove_all(folder);

  // A stack begins, behind a line of dashes and its labels, with the count and the leaf.
  uint64_t samples = 0;
  std::istringstream lines(output);
  bool at_stack = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("-----------+")) at_stack = true;
    if (!at_stack) continue;
    std::istringstream words(line);
    uint64_t count = 0;
    if (words >> count) {
      samples += count;
      at_stack = false;
    }
  }
  EXPECT_EQ(samples, sampled->profile.samples()) << output.substr(0, 2000);
}

}  // namespace
}  // namespace splitprof
