#include "seq/normalized_text.h"

#include <gtest/gtest.h>

#include <string>

namespace dnabird::seq {
namespace {

TEST(NormalizedText, IsTheTextAtFirst) {
  const NormalizedText text("ACGT", 100);
  EXPECT_EQ(text.text(), "ACGT");
  EXPECT_EQ(text.source(0, 1), (BaseSpan{100, 101}));
  EXPECT_EQ(text.source(1, 4), (BaseSpan{101, 104}));
  EXPECT_EQ(NormalizedText("", 5).text(), "");
}

TEST(NormalizedText, StripsEitherEnd) {
  const std::string blanks = " \t ACGT\n";
  NormalizedText both(blanks, 0), left(blanks, 0), right(blanks, 0), none(blanks, 0);
  both.strip(true, true);
  left.strip(true, false);
  right.strip(false, true);
  none.strip(false, false);
  EXPECT_EQ(both.text(), "ACGT");
  EXPECT_EQ(both.source(0, 4), (BaseSpan{3, 7}));
  EXPECT_EQ(left.text(), "ACGT\n");
  EXPECT_EQ(left.source(4, 5), (BaseSpan{7, 8}));
  EXPECT_EQ(right.text(), " \t ACGT");
  EXPECT_EQ(right.source(3, 7), (BaseSpan{3, 7}));
  EXPECT_EQ(none.text(), blanks);
  for (const bool l : {true, false}) {
    NormalizedText blank("  ", 0), empty("", 0);
    blank.strip(l, !l);
    EXPECT_EQ(blank.text(), "");
    empty.strip(l, !l);
    EXPECT_EQ(empty.text(), "");
  }
}

TEST(NormalizedText, StripsBlanksOfUnicode) {
  const std::string no_break = "\xc2\xa0", wide = "\xe3\x80\x80", thin = "\xe2\x80\x89";
  NormalizedText text(no_break + " " + wide + "A" + thin + "C" + thin + "\n" + wide, 0);
  text.strip(true, true);
  EXPECT_EQ(text.text(), "A" + thin + "C");
  EXPECT_EQ(text.source(0, 1), (BaseSpan{6, 7}));
  NormalizedText letter("\xc3\xa9", 0), blanks(thin + thin, 0);  // an e with an accent
  letter.strip(true, true);
  EXPECT_EQ(letter.text(), "\xc3\xa9");
  blanks.strip(true, true);
  EXPECT_EQ(blanks.text(), "");
}

TEST(NormalizedText, ReplacesLongRunsOnly) {
  NormalizedText text("NNACNNNGNNNN", 10);
  text.replace_runs('N', 3, "-");
  EXPECT_EQ(text.text(), "NNAC-G-");
  EXPECT_EQ(text.source(0, 4), (BaseSpan{10, 14}));
  EXPECT_EQ(text.source(4, 5), (BaseSpan{14, 17}));
  EXPECT_EQ(text.source(5, 6), (BaseSpan{17, 18}));
  EXPECT_EQ(text.source(6, 7), (BaseSpan{18, 22}));
  EXPECT_EQ(text.source(3, 7), (BaseSpan{13, 22}));
}

TEST(NormalizedText, StepsFollowEachOther) {
  NormalizedText text(" GNNNNGN ", 0);
  text.replace_runs('N', 4, "xy");
  EXPECT_EQ(text.text(), " GxyGN ");
  text.strip(true, true);
  text.replace_runs('G', 1, "");
  EXPECT_EQ(text.text(), "xyN");
  // Each letter of what replaced a run stands for all of it.
  EXPECT_EQ(text.source(0, 1), (BaseSpan{2, 6}));
  EXPECT_EQ(text.source(1, 2), (BaseSpan{2, 6}));
  EXPECT_EQ(text.source(2, 3), (BaseSpan{7, 8}));
  text.replace_runs('y', 1, "z");
  EXPECT_EQ(text.text(), "xzN");
  EXPECT_EQ(text.source(1, 2), (BaseSpan{2, 6}));
  EXPECT_EQ(text.source(0, 3), (BaseSpan{2, 8}));
}

TEST(NormalizedText, MayBecomeEmpty) {
  NormalizedText text("NNN", 0);
  text.replace_runs('N', 2, "");
  EXPECT_EQ(text.text(), "");
}

}  // namespace
}  // namespace dnabird::seq
