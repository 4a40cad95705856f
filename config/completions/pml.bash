# bash completion for pml                                   -*- shell-script -*-
_pml_python() { python3 - "$@" 2>/dev/null; }

_pml() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=''
  case $previous in
    -p | --profile) words=$(pmlctl --json list 2>/dev/null | grep -o '"profile":"[^"]*"' | cut -d'"' -f4) ;;
    -m) words=$(_pml_python <<<'import pkgutil; print(*(m.name for m in pkgutil.iter_modules()))') ;;
    -e | --entry-point)
      words=$(_pml_python <<<'import importlib.metadata as m; print(*{e.name for e in m.entry_points(group="console_scripts")})')
      ;;
    *)
      if [[ $current = -* ]]; then
        words='--profile --entry-point --socket --no-fallback --wait --detach --help --version -m -c -u -B -W -X'
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _pml pml
