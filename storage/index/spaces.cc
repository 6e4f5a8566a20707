// The spaces of a database: which are open, and their column families.
#include "storage/index/spaces.h"

#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "storage/database_impl.h"
#include "storage/index/stored_space.h"

namespace mixmatch {
namespace {

std::string SpaceName(Generation generation) { return absl::StrCat("space_", generation); }

absl::Status NoSuchSpace(Generation generation) {
  return absl::NotFoundError(
      absl::StrCat("space not opened: generation ", generation, " has none; create it"));
}

// Thread-safety: Safe for concurrent use.
class StoredSpaces final : public EmbeddingSpaces {
 public:
  StoredSpaces(Database::Impl* database, const IndexOptions& options)
      : database_(*database), options_(options) {}

  absl::StatusOr<std::shared_ptr<EmbeddingSpace>> Create(Generation generation,
                                                         int dimension) override;
  absl::StatusOr<std::shared_ptr<EmbeddingSpace>> Open(Generation generation) override;
  absl::Status Drop(Generation generation) override;

 private:
  Database::Impl& database_;
  const IndexOptions options_;
  // The turn of one that makes, loads or drops a generation's space: others of the same wait, those
  // of others do not, so that spaces are loaded side by side.
  class Turn {
   public:
    Turn(StoredSpaces* spaces, Generation generation) : spaces_(*spaces), generation_(generation) {
      const absl::MutexLock lock(&spaces_.mu_);
      const auto free = [this]() ABSL_SHARED_LOCKS_REQUIRED(spaces_.mu_) {
        return !spaces_.busy_.contains(generation_);
      };
      spaces_.mu_.Await(absl::Condition(&free));
      spaces_.busy_.insert(generation_);
    }
    ~Turn() {
      const absl::MutexLock lock(&spaces_.mu_);
      spaces_.busy_.erase(generation_);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    StoredSpaces& spaces_;
    const Generation generation_;
  };

  std::shared_ptr<StoredSpace> FindOpen(Generation generation) {
    const absl::MutexLock lock(&mu_);
    return open_[generation].lock();
  }
  void NoteOpen(Generation generation, const std::shared_ptr<StoredSpace>& space) {
    const absl::MutexLock lock(&mu_);
    open_[generation] = space;
  }

  absl::Mutex mu_;
  std::set<Generation> busy_ ABSL_GUARDED_BY(mu_);  // whose turn someone has
  // One object for each space, as long as anyone holds it: two would number rows alike.
  std::map<Generation, std::weak_ptr<StoredSpace>> open_ ABSL_GUARDED_BY(mu_);
};

absl::StatusOr<std::shared_ptr<EmbeddingSpace>> StoredSpaces::Create(Generation generation,
                                                                     int dimension) {
  if (dimension < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("space not made: ", dimension, " dimensions; give at least 1"));
  }
  const Turn turn(this, generation);
  const std::string name = SpaceName(generation);
  FamilyHandle family = database_.FindNamed(name);
  if (family != nullptr) {
    if (!absl::IsNotFound(SpaceStore(&database_, name, family).ReadDimension().status())) {
      return absl::AlreadyExistsError(absl::StrCat("space not made: generation ", generation,
                                                   " has one; open it, or drop it first"));
    }
    // Left over from a crash while it was being made.
    MM_RETURN_IF_ERROR(database_.DropNamed(name));
  }
  MM_ASSIGN_OR_RETURN(family, database_.CreateNamed(name));
  SpaceStore store(&database_, name, std::move(family));
  MM_RETURN_IF_ERROR(store.WriteDimension(static_cast<size_t>(dimension)));
  auto space = std::make_shared<StoredSpace>(generation, static_cast<size_t>(dimension),
                                             std::move(store), options_);
  MM_RETURN_IF_ERROR(space->Load());
  NoteOpen(generation, space);
  return space;
}

absl::StatusOr<std::shared_ptr<EmbeddingSpace>> StoredSpaces::Open(Generation generation) {
  const Turn turn(this, generation);
  if (std::shared_ptr<StoredSpace> space = FindOpen(generation)) return space;
  const std::string name = SpaceName(generation);
  FamilyHandle family = database_.FindNamed(name);
  if (family == nullptr) return NoSuchSpace(generation);
  SpaceStore store(&database_, name, std::move(family));
  const absl::StatusOr<size_t> dimension = store.ReadDimension();
  if (absl::IsNotFound(dimension.status())) return NoSuchSpace(generation);
  MM_RETURN_IF_ERROR(dimension.status());
  auto space = std::make_shared<StoredSpace>(generation, *dimension, std::move(store), options_);
  MM_RETURN_IF_ERROR(space->Load());
  NoteOpen(generation, space);
  return space;
}

absl::Status StoredSpaces::Drop(Generation generation) {
  const Turn turn(this, generation);
  if (const std::shared_ptr<StoredSpace> space = FindOpen(generation)) space->Retire();
  NoteOpen(generation, nullptr);
  return database_.DropNamed(SpaceName(generation));
}

}  // namespace

std::unique_ptr<EmbeddingSpaces> MakeEmbeddingSpaces(Database* database,
                                                     const IndexOptions& options) {
  return std::make_unique<StoredSpaces>(&database->impl(), options);
}

}  // namespace mixmatch
