// pmlctl python add|list: the interpreters that pml has its module for.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "base/python_abi.hpp"
#include "ctl/command.hpp"
#include "ctl/files.hpp"
#include "ctl/json.hpp"
#include "ctl/process.hpp"
#include "ctl/python_facts.hpp"
#include "ctl/table.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

/// A folder that goes with this object.
class Workshop {
 public:
  Workshop() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr && *base == '/' ? base : "/tmp") + "/pml-module-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr)
      throw Failure(base::k_exit_cant_create, "cannot make a folder like " + path_);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::string source_folder() {
  const char* own = std::getenv("PML_MODULE_SOURCE");
  return own != nullptr && *own == '/' ? own : PML_PREFIX "/share/pml/module-src";
}

std::string compiler(const char* variable, const std::string& usual) {
  const char* own = std::getenv(variable);
  std::string name = own != nullptr && *own != '\0' ? own : usual;
  if (find_command(name).empty())
    throw Failure(k_exit_failure, "there is no compiler " + name +
                                      ": install one (on Debian: apt install g++), or name it in " +
                                      variable);
  return name;
}

PythonFacts served_facts(const std::string& interpreter) {
  const auto facts = facts_of(interpreter);
  if (!facts)
    throw Failure(base::k_exit_config,
                  interpreter + " is no Python interpreter that can be executed; name its path");
  if (const auto why = base::unserved_abi(facts->abi))
    throw Failure(base::k_exit_config, interpreter + " " + *why);
  return *facts;
}

void require_headers(const std::string& interpreter, const PythonFacts& facts) {
  for (const char* header : {"/Python.h", "/internal/pycore_runtime.h"})
    if (::access((facts.headers + header).c_str(), R_OK) != 0)
      throw Failure(k_exit_failure, "the headers of " + interpreter + " are not there (" +
                                        facts.headers + header +
                                        "); install them (on Debian: apt install python3-dev)");
  if (::access((source_folder() + "/zygote/module.cpp").c_str(), R_OK) != 0)
    throw Failure(k_exit_failure, "the sources of pml's module are not in " + source_folder() +
                                      "; install pml again");
}

void compile(std::vector<std::string> words, const char* flags, const std::string& interpreter) {
  const char* more = std::getenv(flags);
  std::istringstream list(more != nullptr ? more : "");
  for (std::string word; list >> word;) words.push_back(word);
  if (!run({words, {}, Output::inherit, Output::inherit, true}).good())
    throw Failure(k_exit_failure, "the module for " + interpreter + " could not be compiled");
}

/// One file that includes all others of that ending: what takes time is reading the headers.
void write_whole(const std::string& path, const std::string& ending) {
  std::set<std::string> files;
  if (ending == ".cpp")
    for (const char* file :
         {"check", "process_group", "python_abi", "session_keyring", "terminal_text", "unique_fd"})
      files.insert(source_folder() + "/base/" + file + ending);
  for (const char* part : {"wire", "image", "ahead", "worker", "zygote"})
    for (const auto& entry : fs::recursive_directory_iterator(source_folder() + "/" + part))
      if (entry.path().extension() == ending) files.insert(entry.path().string());
  std::string text;
  for (const std::string& file : files) text += "#include \"" + file + "\"\n";
  write_file(path, text);
}

std::string build(const std::string& interpreter, const PythonFacts& facts, const std::string& in) {
  const std::string cc = compiler("CC", "cc");
  const std::string cxx = compiler("CXX", "c++");
  std::string file = in + "/_pml_zygote." + facts.abi + ".so";
  write_whole(in + "/module.cpp", ".cpp");
  write_whole(in + "/compat.c", ".c");
  compile({cc, "-O2", "-fPIC", "-D_GNU_SOURCE", "-I" + source_folder(), "-isystem", facts.headers,
           "-c", in + "/compat.c", "-o", in + "/compat.o"},
          "CFLAGS", interpreter);
  compile({cxx, "-std=c++20", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-D_GNU_SOURCE",
           "-I" + source_folder(), "-isystem", facts.headers, "-isystem",
           source_folder() + "/include", in + "/module.cpp", in + "/compat.o", "-o", file},
          "CXXFLAGS", interpreter);
  return file;
}

/// Lets the interpreter itself look whether the module fits it.
void try_out(const std::string& interpreter, const std::string& folder) {
  const Outcome tried = run({{interpreter, "-c",
                              "import sys\nsys.path.insert(0, sys.argv[1])\nimport _pml_zygote\n"
                              "print(_pml_zygote.unfitness() or '', end='')",
                              folder},
                             {},
                             Output::keep,
                             Output::keep,
                             true});
  const std::string& error = tried.standard_error;
  if (!tried.good())
    throw Failure(k_exit_failure, "the module does not work in " + interpreter + ": " +
                                      error.substr(error.find_last_of('\n', error.size() - 2) + 1));
  if (!tried.standard_output.empty())
    throw Failure(base::k_exit_config,
                  "pml cannot use " + interpreter + ": " + tried.standard_output);
}

std::string install(const std::string& file) {
  // What root makes is for everybody.
  const std::vector<std::string> folders = base::module_folders();
  const std::string folder = ::geteuid() == 0 ? folders.front() : folders.back();
  const std::string name = fs::path(file).filename().string();
  std::string target = folder + "/" + name;
  std::error_code error;
  fs::create_directories(folder, error);
  fs::copy_file(file, target + ".new", fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(target + ".new", target, error);
  if (error)
    throw Failure(base::k_exit_cant_create, "cannot write " + target + ": " + error.message());
  return target;
}

}  // namespace

int python_add(const Options& options) {
  const std::string& word = options.words.front();
  const std::string found = find_command(word);
  const std::string interpreter = found.empty() ? word : fs::absolute(found).string();
  const PythonFacts facts = served_facts(interpreter);
  require_headers(interpreter, facts);
  const Workshop workshop;
  const std::string file = build(interpreter, facts, workshop.path());
  try_out(interpreter, workshop.path());
  std::printf("Made %s for CPython %s. A profile can name it: python.interpreter = \"%s\"\n",
              install(file).c_str(), facts.version.c_str(), interpreter.c_str());
  return 0;
}

int python_list(const Options& options) {
  std::set<std::string> interpreters{"/usr/bin/python3"};
  for (const profile::Listed& listed : profile::list(base::profile_folders()))
    if (const auto loaded = profile::load(listed.name, base::profile_folders()); loaded.good())
      interpreters.insert(loaded.profile->interpreter);
  Table table({"INTERPRETER", "VERSION", "MODULE"});
  Json json = Json::array();
  for (const std::string& interpreter : interpreters) {
    const auto facts = facts_of(interpreter);
    const std::string module = facts ? facts->module() : "";
    const auto why = facts ? base::unserved_abi(facts->abi) : "cannot be executed";
    const std::string state = !module.empty() ? module
                              : why           ? "it " + *why
                                              : "none: pmlctl python add " + interpreter;
    table.add({{interpreter, Colour::bold},
               {facts ? facts->version : "-"},
               {state, module.empty() ? Colour::warning : Colour::good}});
    json.push_back({{"interpreter", interpreter},
                    {"version", facts ? facts->version : ""},
                    {"abi", facts ? facts->abi : ""},
                    {"module", module}});
  }
  if (options.json)
    print_json(json);
  else
    print(table.text(), options.pager);
  return 0;
}

}  // namespace pml::ctl
