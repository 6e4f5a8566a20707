// OpenSSL; elliptic keys, since they are made at once.
#include "certificates.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <functional>

namespace mixmatch {
namespace {

constexpr int64_t kDay = 24 * 3600;

std::string Pem(const std::function<int(BIO*)>& write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  EXPECT_EQ(write(memory.get()), 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<size_t>(size)};
}

void SetName(X509* certificate, const std::string& name) {
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
}

void Extend(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// A certificate of version 3 for `key`, from 30 days ago until so many seconds from now.
X509* Bare(EVP_PKEY* key, const std::string& name, int64_t seconds) {
  static int64_t serial = 1;
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -30 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
  X509_set_pubkey(certificate, key);
  SetName(certificate, name);
  return certificate;
}

}  // namespace

Authority::Key Authority::NewKey() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

Authority::Authority()
    : key_(NewKey()), certificate_(Bare(key_.get(), "authority of a test", kDay), &X509_free) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  Extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  EXPECT_GT(X509_sign(certificate_.get(), key_.get(), EVP_sha256()), 0);
}

std::string Authority::certificate() const {
  return Pem([this](BIO* out) { return PEM_write_bio_X509(out, certificate_.get()); });
}

Certified Authority::Issue(const std::string& name, const std::string& alternative,
                           int64_t seconds) const {
  const Key key = NewKey();
  const Certificate issued(Bare(key.get(), name, seconds), &X509_free);
  X509_set_issuer_name(issued.get(), X509_get_subject_name(certificate_.get()));
  Extend(issued.get(), NID_subject_alt_name, alternative);
  EXPECT_GT(X509_sign(issued.get(), key_.get(), EVP_sha256()), 0);
  return {.certificate = Pem([&](BIO* out) { return PEM_write_bio_X509(out, issued.get()); }),
          .key = Pem([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

Certified Authority::Server() const { return Issue("daemon", "IP:127.0.0.1", kDay); }

Certified Authority::Client(const std::string& name, int64_t seconds) const {
  return Issue(name, "DNS:" + name, seconds);
}

}  // namespace mixmatch
