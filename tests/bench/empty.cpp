// The least that a process can do; linked statically.
int main() {
  return 0;
}
