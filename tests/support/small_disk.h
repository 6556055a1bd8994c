// A file system of a few kilobytes, which can be filled up or made read-only: what ordinary folders
// cannot be for root.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "support/temp_folder.h"

namespace dnabird::support {

/// A tmpfs in a mount namespace of this process and its children, so that nobody else sees it and
/// nothing stays behind. A user who is not root needs a kernel that grants user namespaces.
class SmallDisk {
 public:
  /// `kib`: its size; a multiple of 4, the size of a page.
  explicit SmallDisk(int kib) {
    if (!own_mounts()) return;
    const std::string size = "size=" + std::to_string(kib) + "k";
    mounted_ = mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, size.c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const TempFolder& folder() const { return folder_; }

  /// Writes a file "ballast" that takes all the space that is left.
  void fill() const {
    const int file = open((folder_ / "ballast").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    while (write(file, page.data(), page.size()) > 0) {
    }
    close(file);
  }

  /// False if the system does not grant it.
  bool make_read_only() const {
    return mount(nullptr, folder_.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  static bool write_file(const char* path, const std::string& text) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    const bool done =
        file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (file >= 0) close(file);
    return done;
  }

  /// Mounts of this process are its own from here on.
  static bool own_mounts() {
    static const bool own = [] {
      const std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
      if (geteuid() == 0) {
        if (unshare(CLONE_NEWNS) != 0) return false;
      } else {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
        write_file("/proc/self/setgroups", "deny");
        if (!write_file("/proc/self/uid_map", "0 " + user + " 1") ||
            !write_file("/proc/self/gid_map", "0 " + group + " 1")) {
          return false;
        }
      }
      return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    }();
    return own;
  }

  TempFolder folder_;
  bool mounted_ = false;
};

}  // namespace dnabird::support
