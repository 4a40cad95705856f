#include "client/client.hpp"

int main(int argc, char** argv) {
  pml::client::run({argv, static_cast<std::size_t>(argc)});
}
