# bash completion for pml                                   -*- shell-script -*-
_pml() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} profile=() i words='' chosen=''
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      -p | --profile) profile=(-p "${COMP_WORDS[++i]}") ;;
      --socket | -W | -X) ((++i)) ;;
      -m | -c | -e | --entry-point) ((++i < COMP_CWORD)) && chosen=yes && break ;;
      -?*) ;;
      *) chosen=yes && break ;;
    esac
  done
  # What follows the program is the program's.
  [ -z "$chosen" ] || previous=chosen
  case $previous in
    -p | --profile) words=$(pmlctl complete profiles 2>/dev/null | cut -f 1) ;;
    -m) words=$(pmlctl "${profile[@]}" complete modules "$current" 2>/dev/null) ;;
    -e | --entry-point) words=$(pmlctl "${profile[@]}" complete entry-points 2>/dev/null) ;;
    -c | -W | -X) return ;;
    chosen | --socket)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    *)
      if [[ $current != -* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current" | grep -E '\.(py|pyc|pyz|zip)$'; compgen -d -- "$current")
        return
      fi
      words='--profile --entry-point --socket --no-fallback --venv --wait --detach --help --version -p -e -m -c -u -B -b -q -W -X'
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _pml pml
