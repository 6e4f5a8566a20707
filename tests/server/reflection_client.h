// What a daemon says of its own services, as generic tools ask it.
#pragma once

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "reflection.grpc.pb.h"
#include "test_daemon.h"

namespace mixmatch {

using ReflectionRequest = grpc::reflection::v1alpha::ServerReflectionRequest;
using ReflectionResponse = grpc::reflection::v1alpha::ServerReflectionResponse;

class Reflection {
 public:
  // `token` where the daemon wants one.
  explicit Reflection(const std::shared_ptr<grpc::Channel>& channel, const std::string& token = "")
      : stub_(grpc::reflection::v1alpha::ServerReflection::NewStub(channel)) {
    SetDeadline(context_);
    if (!token.empty()) context_.AddMetadata("authorization", "Bearer " + token);
    stream_ = stub_->ServerReflectionInfo(&context_);
  }
  ~Reflection() {
    stream_->WritesDone();
    EXPECT_TRUE(stream_->Finish().ok());
  }

  std::set<std::string> Services() {
    ReflectionRequest request;
    request.set_list_services("*");
    std::set<std::string> names;
    const ReflectionResponse response = Ask(request);
    for (const auto& service : response.list_services_response().service()) {
      names.insert(service.name());
    }
    return names;
  }
  std::set<std::string> Methods(const std::string& service) {
    ReflectionRequest request;
    request.set_file_containing_symbol(service);
    const ReflectionResponse response = Ask(request);
    std::set<std::string> names;
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      for (const auto& described : file.service()) {
        if (file.package() + "." + described.name() != service) continue;
        for (const auto& method : described.method()) names.insert(method.name());
      }
    }
    return names;
  }

 private:
  ReflectionResponse Ask(const ReflectionRequest& request) {
    ReflectionResponse response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

  std::unique_ptr<grpc::reflection::v1alpha::ServerReflection::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<ReflectionRequest, ReflectionResponse>> stream_;
};

}  // namespace mixmatch
