// A port that takes a connection late and then passes bytes on: a daemon that is busy or far away.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mixmatch::client {

// Serves one connection after the other, each after `delay`. Loopback alone.
class SlowRelay {
 public:
  SlowRelay(int target_port, absl::Duration delay) : target_port_(target_port), delay_(delay) {
    listening_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listening_, 8), 0);
    EXPECT_EQ(getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~SlowRelay() {
    stop_ = true;
    thread_.join();
    close(listening_);
  }

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  static sockaddr_in Loopback(int port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }

  // Waits until there is something to read; false when the relay is to end.
  bool Await(std::array<pollfd, 2>& sockets, nfds_t count) const {
    while (!stop_) {
      if (poll(sockets.data(), count, 20) > 0) return true;
    }
    return false;
  }

  void Run() {
    while (!stop_) {
      std::array<pollfd, 2> waiting = {{{listening_, POLLIN, 0}, {}}};
      if (!Await(waiting, 1)) return;
      absl::SleepFor(delay_);
      const int client = accept(listening_, nullptr, nullptr);
      const int server = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address = Loopback(target_port_);
      if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
        Pass(client, server);
      }
      close(client);
      close(server);
    }
  }

  void Pass(int client, int server) const {
    std::array<char, 4096> buffer;
    while (true) {
      std::array<pollfd, 2> ends = {{{client, POLLIN, 0}, {server, POLLIN, 0}}};
      if (!Await(ends, 2)) return;
      for (const auto& [from, to] : {std::pair{ends[0], server}, std::pair{ends[1], client}}) {
        if (from.revents == 0) continue;
        const ssize_t bytes = recv(from.fd, buffer.data(), buffer.size(), 0);
        if (bytes <= 0 || send(to, buffer.data(), static_cast<size_t>(bytes), MSG_NOSIGNAL) < 0) {
          return;
        }
      }
    }
  }

  const int target_port_;
  const absl::Duration delay_;
  std::atomic<bool> stop_{false};
  int listening_ = -1;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace mixmatch::client
