#include "pipelines/score_tally.h"

#include <algorithm>
#include <numeric>

#include "core/log.h"
#include "core/text.h"

namespace dnabird::pipelines {

using predict::AlleleStatus;

namespace {

constexpr std::size_t kShownBases = 20;

std::string shown(const std::string& bases) {
  if (bases.size() <= kShownBases) return "'" + bases + "'";
  return "'" + bases.substr(0, kShownBases) + "...' (" + std::to_string(bases.size()) + " bases)";
}

std::string place_of(const io::VariantRecord& record) {
  return record.contig() + ":" + std::to_string(record.position() + 1);
}

std::string n_records(std::int64_t n) {
  return core::with_commas(n) + (n == 1 ? " record" : " records");
}

}  // namespace

std::string describe_mismatch(const io::VariantRecord& record, const io::Fasta& fasta) {
  const std::string contig = fasta.resolve(record.contig()).value_or(record.contig());
  const auto n = static_cast<std::int64_t>(record.ref().size());
  const std::string there = fasta.fetch_raw(contig, record.position(), record.position() + n);
  return place_of(record) + ": REF is " + shown(record.ref()) + ", but '" + fasta.path() +
         "' has " + shown(there) + " there" +
         (there.size() < record.ref().size() ? ", where the contig ends" : "");
}

void ScoreTally::add(const io::VariantRecord& record,
                     const std::vector<predict::AlleleScores>& alleles) {
  ++n_records_;
  bool has[predict::kAlleleStatuses.size()] = {};
  for (const predict::AlleleScores& allele : alleles) {
    const auto at =
        std::find(predict::kAlleleStatuses.begin(), predict::kAlleleStatuses.end(), allele.status) -
        predict::kAlleleStatuses.begin();
    ++n_alleles_[static_cast<std::size_t>(at)];
    has[at] = true;
  }
  for (std::size_t i = 0; i < predict::kAlleleStatuses.size(); ++i) {
    if (!has[i]) continue;
    const AlleleStatus status = predict::kAlleleStatuses[i];
    if (status == AlleleStatus::ref_mismatch && mismatch_.n_records++ == 0) {
      mismatch_.first = describe_mismatch(record, fasta_);
    } else if (status == AlleleStatus::no_contig && no_contig_.n_records++ == 0) {
      no_contig_.first = place_of(record);
    } else if (status == AlleleStatus::out_of_range && out_of_range_.n_records++ == 0) {
      const std::string contig = fasta_.resolve(record.contig()).value_or(record.contig());
      out_of_range_.first = place_of(record) + ", but the contig has " +
                            core::with_commas(fasta_.length(contig)) + " bases";
    }
  }
}

std::int64_t ScoreTally::alleles() const {
  return std::accumulate(n_alleles_.begin(), n_alleles_.end(), std::int64_t{0});
}

std::string ScoreTally::counts() const {
  std::string text = n_records(n_records_) + " in, " + core::with_commas(n_records_) + " out; " +
                     core::with_commas(alleles()) + (alleles() == 1 ? " allele" : " alleles");
  const char* separator = ": ";
  for (std::size_t i = 0; i < predict::kAlleleStatuses.size(); ++i) {
    if (n_alleles_[i] == 0) continue;
    text += separator + core::with_commas(n_alleles_[i]) + " " +
            predict::status_name(predict::kAlleleStatuses[i]);
    separator = ", ";
  }
  return text;
}

void ScoreTally::warn(Mismatches mismatches) const {
  if (mismatch_.n_records > 0 && mismatches == Mismatches::warned_of) {
    core::log_warning(n_records(mismatch_.n_records) + " differ from the reference (first: " +
                      mismatch_.first + "); are both of the same genome build?");
  }
  if (no_contig_.n_records > 0) {
    core::log_warning(n_records(no_contig_.n_records) + " on contigs that '" + fasta_.path() +
                      "' does not have (first: " + no_contig_.first +
                      "); are both of the same genome build?");
  }
  if (out_of_range_.n_records > 0) {
    core::log_warning(n_records(out_of_range_.n_records) + " outside of their contig in '" +
                      fasta_.path() + "' (first: " + out_of_range_.first +
                      "); are both of the same genome build?");
  }
}

}  // namespace dnabird::pipelines
