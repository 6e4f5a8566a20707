// Certificates of a little world of their own, made when they are asked for.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace mixmatch {

// A pair in PEM.
struct Certified {
  std::string certificate;
  std::string key;
};

class Authority {
 public:
  Authority();

  std::string certificate() const;
  // For a daemon at 127.0.0.1.
  Certified Server() const;
  // For a client of this name, until so many seconds from now, which may be negative.
  Certified Client(const std::string& name, int64_t seconds) const;

 private:
  using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
  using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

  static Key NewKey();
  Certified Issue(const std::string& name, const std::string& alternative, int64_t seconds) const;

  Key key_;
  Certificate certificate_;
};

}  // namespace mixmatch
