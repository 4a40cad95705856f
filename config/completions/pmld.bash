# bash completion for pmld                                  -*- shell-script -*-
_pmld() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=''
  COMPREPLY=()
  case $previous in
    --profile) words=$(pmlctl complete profiles 2>/dev/null | cut -f 1) ;;
    -w | --workers | -s | --spare) return ;;
    -p | --pidfile) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    *)
      if [[ $current = -* ]]; then
        words='--profile --help --version --daemonize --pidfile --workers --spare'
      elif ((COMP_CWORD == 1)) || [[ $previous = -* ]]; then
        compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return
      else
        words=$(pmlctl complete modules "$current" 2>/dev/null)
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _pmld pmld python-module-launcher
