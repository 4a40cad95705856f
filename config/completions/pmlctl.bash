# bash completion for pmlctl                                -*- shell-script -*-
_pmlctl_profiles() { pmlctl --no-pager --json list 2>/dev/null | grep -o '"profile":"[^"]*"' | cut -d'"' -f4; }
_pmlctl_jobs() { pmlctl --json jobs 2>/dev/null | grep -o '"job":"[^"]*"' | cut -d'"' -f4; }

_pmlctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' word words=''
  local verbs='list status jobs kill reload show check doctor top suggest wrap unwrap bench'
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $verbs " in *" $word "*) verb=$word; break ;; esac
  done
  case $previous in
    -p | --profile) words=$(_pmlctl_profiles) ;;
    --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    *)
      case $current in
        -*) words='--profile --socket --json --no-pager --help --version --write --runs' ;;
        *)
          case $verb in
            '') words=$verbs ;;
            status | reload | show | doctor | top | jobs) words=$(_pmlctl_profiles) ;;
            kill) words="$(_pmlctl_jobs) TERM INT HUP KILL STOP CONT" ;;
            wrap) mapfile -t COMPREPLY < <(compgen -c -- "$current"); return ;;
            unwrap) words=$(_pmlctl_profiles | sed -n 's/^wrap-//p') ;;
            check | suggest | bench) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
          esac
          ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _pmlctl pmlctl
