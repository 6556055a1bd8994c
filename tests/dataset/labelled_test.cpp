#include "data/labelled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::data {
namespace {

using model::HeadTask;
using support::throws_data_error;
using ::testing::ElementsAre;

class Labelled : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    support::write_text(folder_ / name, text);
    return folder_ / name;
  }
  LabelledData read(const std::string& text, const LabelledOptions& options) {
    return read_labelled({file("data.csv", text)}, options);
  }
  /// Reading `text` fails with one line that names the file and holds the parts.
  template <class... Parts>
  void expect_refused(const std::string& text, const LabelledOptions& options, Parts... parts) {
    EXPECT_THAT([&] { read(text, options); }, throws_data_error("data.csv'", parts...)) << text;
  }

  support::TempFolder folder_;
};

const LabelledOptions kClasses{HeadTask::classification, {}};

LabelledOptions with(HeadTask task, std::vector<std::string> targets) {
  LabelledOptions options;
  options.task = task;
  options.targets = std::move(targets);
  return options;
}

TEST_F(Labelled, ClassesByNumber) {
  const LabelledData data = read("sequence,label\nACGT,1\nacgun,0\nAAA,3\n", kClasses);
  EXPECT_EQ(data.rows(), 3);
  EXPECT_THAT(data.sequences, ElementsAre("ACGT", "ACGTN", "AAA"));
  EXPECT_THAT(data.targets, ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(data.labels, ElementsAre(1, 0, 3));
  EXPECT_TRUE(data.truth.empty());
}

TEST_F(Labelled, ClassesByName) {
  const std::string text = "label,id,sequence\nprom,1,ACGT\nother,2,AC\nprom,3,A\n";
  EXPECT_THAT(read(text, kClasses).targets, ElementsAre("other", "prom"));
  EXPECT_THAT(read(text, kClasses).labels, ElementsAre(1, 0, 1));
  EXPECT_THAT(read(text, with(HeadTask::classification, {"prom", "other"})).labels,
              ElementsAre(0, 1, 0));
}

TEST_F(Labelled, NamedClassesMayBeNumbered) {
  const std::string text = "sequence,label\nACGT,1\nAC,promoter\nAG,0\n";
  const auto named = with(HeadTask::classification, {"other", "promoter"});
  EXPECT_THAT(read(text, named).labels, ElementsAre(1, 1, 0));
  // Names that are numbers themselves are only names.
  const auto numbers = with(HeadTask::classification, {"1", "0"});
  EXPECT_THAT(read("sequence,label\nACGT,1\nAC,0\n", numbers).labels, ElementsAre(0, 1));
}

TEST_F(Labelled, MultiLabel) {
  const LabelledData data = read("sequence,b,a,c\nAC,1,0,x\nAG,,NA,x\nAT,nan,1.0,x\n",
                                 with(HeadTask::multi_label, {"a", "b"}));
  EXPECT_THAT(data.targets, ElementsAre("a", "b"));
  ASSERT_EQ(data.truth.size(), 6u);
  EXPECT_EQ(data.truth[0], 0);
  EXPECT_EQ(data.truth[1], 1);
  EXPECT_TRUE(std::isnan(data.truth[2]));
  EXPECT_TRUE(std::isnan(data.truth[3]));
  EXPECT_EQ(data.truth[4], 1);
  EXPECT_TRUE(std::isnan(data.truth[5]));
  EXPECT_TRUE(data.labels.empty());
}

TEST_F(Labelled, Regression) {
  const LabelledData data =
      read("sequence,label\nAC,-1.5e2\nAG,NA\n", with(HeadTask::regression, {}));
  EXPECT_THAT(data.targets, ElementsAre("label"));
  EXPECT_EQ(data.truth[0], -150);
  EXPECT_TRUE(std::isnan(data.truth[1]));
}

TEST_F(Labelled, SeveralFilesAndWhereARowStands) {
  const std::string a = file("a.csv", "sequence,label\nAC,0\n\n\"AG\nT\",1\n");
  const std::string b = file("b.csv", "label,sequence\n1,TT\n");
  EXPECT_THAT([&] { read_labelled({b, a}, kClasses); }, throws_data_error("a.csv' line 4"));
  const std::string c = file("c.csv", "sequence,label\nAC,0\n\nAGT,1\n");
  const LabelledData data = read_labelled({c, b}, kClasses);
  EXPECT_THAT(data.sequences, ElementsAre("AC", "AGT", "TT"));
  EXPECT_EQ(data.where(0), "'" + c + "' line 2");
  EXPECT_EQ(data.where(1), "'" + c + "' line 4");
  EXPECT_EQ(data.where(2), "'" + b + "' line 2");
}

TEST_F(Labelled, WithoutMarkedRows) {
  const LabelledData classes = read("sequence,label\nA,0\nC,1\nG,2\n", kClasses);
  const LabelledData kept = classes.without({0, 1, 0});
  EXPECT_THAT(kept.sequences, ElementsAre("A", "G"));
  EXPECT_THAT(kept.labels, ElementsAre(0, 2));
  EXPECT_EQ(kept.targets, classes.targets);
  EXPECT_EQ(kept.where(1), classes.where(2));
  const LabelledData values =
      read("sequence,x,y\nA,1,2\nC,3,4\nG,5,6\n", with(HeadTask::regression, {"x", "y"}));
  EXPECT_THAT(values.without({1, 0, 0}).truth, ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(values.without({1, 1, 1}).rows(), 0);
  EXPECT_THROW(values.without({1, 0}), std::logic_error);
}

TEST_F(Labelled, NamesTheRowThatIsWrong) {
  expect_refused("sequence,label\nAC,0\nA G,1\n", kClasses, "line 3", "' '");
  expect_refused("sequence,label\nAC,0\n,1\n", kClasses, "line 3", "empty");
  expect_refused("sequence,label\nAC,0\nAC,\n", kClasses, "line 3", "label is empty");
  expect_refused("sequence,label\nAC,0\nAC,-1\n", kClasses, "line 3", "'-1'");
  expect_refused("sequence,label\nAC,0\nAC,0.5\n", kClasses, "line 3", "'0.5'");
  expect_refused("sequence,label\nAC,0\nAC,99999\n", kClasses, "line 3", "99999");
  expect_refused("sequence,label\nAC,0\nAC\n", kClasses, "line 3", "1 fields");
  expect_refused("sequence,label\nAC,0\nAC,other\n", with(HeadTask::classification, {"a", "b"}),
                 "line 3", "'other'", "a, b");
  expect_refused("sequence,label\nAC,0\nAC,\"a\nb\"\n", with(HeadTask::classification, {"a", "b"}),
                 "line 3", "'a\\nb'");
  expect_refused("sequence,label\nAC,0\nAC,2\n", with(HeadTask::classification, {"a", "b"}),
                 "line 3", "'2'", "number");
  const auto labels = with(HeadTask::multi_label, {"a"});
  expect_refused("sequence,a\nAC,0\nAC,0.5\n", labels, "line 3", "'0.5'", "column 'a'");
  expect_refused("sequence,a\nAC,0\nAC,yes\n", labels, "line 3", "'yes'", "not a number");
  const auto values = with(HeadTask::regression, {"a"});
  expect_refused("sequence,a\nAC,0\nAC,1;5\n", values, "line 3", "'1;5'", "column 'a'");
  expect_refused("sequence,a\nAC,0\nAC,inf\n", values, "line 3", "'inf'");
  expect_refused("sequence,a\nAC,0\nAC,-1e300\n", values, "line 3", "'-1e300'");
}

TEST_F(Labelled, NamesTheColumnThatIsMissing) {
  expect_refused("seq,label\nAC,0\n", kClasses, "'sequence'", "seq, label");
  expect_refused("sequence,class\nAC,0\n", kClasses, "'label'");
  expect_refused("sequence,a\nAC,0\n", with(HeadTask::regression, {"a", "b"}), "'b'");
  expect_refused("sequence,label\n", kClasses, "no row");
  expect_refused("", kClasses, "empty");
  EXPECT_THAT([&] { read_labelled({folder_ / "absent.csv"}, kClasses); },
              throws_data_error("absent.csv"));
}

TEST_F(Labelled, LengthsAreChecked) {
  LabelledOptions options = kClasses;
  options.least_bases = 3;
  options.most_bases = 5;
  EXPECT_EQ(read("sequence,label\nACG,0\nACGTA,1\n", options).rows(), 2);
  expect_refused("sequence,label\nACG,0\nAC,1\n", options, "line 3", "2 bases", "at least 3");
  expect_refused("sequence,label\nACG,0\nACGTAC,1\n", options, "line 3", "6 bases", "at most 5");
}

TEST_F(Labelled, NeedsATask) {
  EXPECT_THROW(read("sequence,label\nAC,0\n", with(HeadTask::none, {})), std::logic_error);
}

}  // namespace
}  // namespace dnabird::data
