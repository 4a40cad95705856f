# fish completion for pmlctl. Verbs, options and what they take are known to pmlctl itself.
function __pmlctl_next
    set -l words (commandline -opc)
    pmlctl complete line -- $words[2..] (commandline -ct) 2>/dev/null | while read -l line
        switch $line
            case '<files>'
                __fish_complete_path (commandline -ct)
            case '<folders>'
                __fish_complete_directories (commandline -ct)
            case '<commands>'
                __fish_complete_command
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c pmlctl -f -a "(__pmlctl_next)"
